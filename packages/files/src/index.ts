export { defaultCacheDirectory } from './cache-directory.js';
export {
  contentBytes,
  downloadOnce,
  receive,
  type Download,
  type DownloadProgress,
  type Received,
} from './download.js';
export { createFolder, namesIn, removeFile } from './folder.js';
export { InputFile } from './input-file.js';
export { readBytes, readText } from './read-file.js';
export { regularFileSize } from './regular-file.js';
export { removeAbandoned } from './remove-abandoned.js';
export { sha256OfFile, updateHash } from './sha256.js';
export { systemReason } from './system-reason.js';
export { removeTemporaryFiles, writeAtomically, type OutputFile } from './write-atomically.js';
export { writeJson, writeWhole } from './write-file.js';
