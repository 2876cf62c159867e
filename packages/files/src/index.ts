export { AppendOnlyFile } from './append-only-file.js';
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
export { FolderLock, FolderTakenError, holderOf, withFolderLock } from './folder-lock.js';
export { isRunning, parseHolder, thisHolder, type Holder } from './holder.js';
export { InputFile } from './input-file.js';
export { LineLog, type LineLogOptions } from './line-log.js';
export { npmPack, type PackFetcher } from './npm-pack.js';
export { readLines, type Line } from './read-lines.js';
export { readBytes, readText } from './read-file.js';
export { regularFileSize } from './regular-file.js';
export { removeAbandoned } from './remove-abandoned.js';
export { finishReplacement, replaceFiles, type ReplaceFilesOptions } from './replace-files.js';
export { ProgramError, runProgram } from './run-program.js';
export { sha256OfFile, updateHash } from './sha256.js';
export { systemReason } from './system-reason.js';
export { assertRoom, assertWritableFolder } from './writable-folder.js';
export { removeTemporaryFiles, syncDirectory, writeAtomically, type OutputFile } from './write-atomically.js';
export { writeJson, writeWhole } from './write-file.js';
