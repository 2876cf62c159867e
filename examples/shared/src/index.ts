export {
  abortOnCtrlC,
  CommandLine,
  runProgram,
  UsageError,
  type CommandLineText,
  type OptionText,
} from './command-line.js';
export { downloadLines, type DownloadReport } from './download-lines.js';
export { showProgress, type Progress, type ProgressOptions, type ProgressReport } from './progress.js';
export { RunFolder, type RunFolderOptions, type StageResult } from './run-folder.js';
export { trainWithProgress, type ProgressTrainer, type TrainWithProgressOptions } from './train-with-progress.js';
