export { CommandLine, runProgram, UsageError, type CommandLineText, type OptionText } from './command-line.js';
export { openExampleImages, type ExampleImages, type ExampleImagesOptions } from './example-images.js';
export { madeUpImages } from '@vitvq/data';
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
export { engineChanges, terminalView } from './terminal-view.js';
export { startEngine, type EngineChoice } from './start-engine.js';
export { METRICS_FILE, writeOutcome } from './write-outcome.js';
