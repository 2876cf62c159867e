export {
  abortOnCtrlC,
  CommandLine,
  optionName,
  runProgram,
  UsageError,
  type CommandLineText,
  type OptionText,
} from './command-line.js';
export { createProgram } from './program.js';
export { showProgress, type Progress, type ProgressOptions, type ProgressReport } from './progress.js';
