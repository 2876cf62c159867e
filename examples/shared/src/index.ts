export { CommandLine, runProgram, UsageError, type CommandLineText, type OptionText } from './command-line.js';
export {
  imageRange,
  MADE_UP_CLASSES,
  madeUpImages,
  openCifar10Split,
  openTrainAndHeldOut,
  type MadeUpImagesOptions,
  type TrainAndHeldOut,
  type TrainAndHeldOutOptions,
} from './image-data.js';
export {
  commonOptions,
  outOption,
  readOptions,
  type OptionRow,
  type OptionRows,
  type OptionValues,
  type Program,
  precisionOption,
} from './program-options.js';
export { showProgress, type Progress, type ProgressOptions, type ProgressReport } from './progress.js';
export { RunFolder, type RunFolderOptions, type StageResult } from './run-folder.js';
export { shellCommand } from './shell-command.js';
export { startEngine, type EngineChoice } from './start-engine.js';
export { abortOnCtrlC } from './stop-program.js';
export { trainWithProgress, type ProgressTrainer, type TrainWithProgressOptions } from './train-with-progress.js';
export { METRICS_FILE, writeOutcome } from './write-outcome.js';
export { writeTokenizerOutcome, type TokenizerOutcome } from './write-tokenizer-outcome.js';
