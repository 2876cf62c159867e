export { defaultCacheDirectory } from './cache-directory.js';
export { downloadOnce, receive, type Download, type Received } from './download.js';
export { InputFile } from './input-file.js';
export { regularFileSize } from './regular-file.js';
export { removeAbandoned } from './remove-abandoned.js';
export { sha256OfFile, updateHash } from './sha256.js';
export { systemReason } from './system-reason.js';
export { removeTemporaryFiles, writeAtomically, type OutputFile } from './write-atomically.js';
export { createFolder, writeJson, writeWhole } from './write-file.js';
