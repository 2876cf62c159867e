export { CommandLine, runProgram, UsageError, type CommandLineText, type OptionText } from './command-line.js';
export { readEarlierResults } from './earlier-results.js';
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
export { engineChanges } from '@vitvq/cli';
export { terminalView } from './terminal-view.js';
export { startEngine, type EngineChoice } from './start-engine.js';
export {
  compareImages,
  comparisonSchema,
  type CompareImagesOptions,
  type Comparison,
} from './image-conditions/compare-images.js';
export { ImageConditioner, type ImageConditionerOptions } from './image-conditions/image-conditioner.js';
export {
  drawImages,
  imageTokenizerSchema,
  trainImageTokenizer,
  trainProxyOf,
  trainTransformerOf,
  type DrawnImages,
  type ImageToImageData,
  type ImageToImageRun,
} from './image-conditions/image-to-image.js';
export {
  imageToImageMetrics,
  imageTransformerSection,
  type ImageToImageOutcome,
} from './image-conditions/image-to-image-outcome.js';
export {
  IMAGE_TO_IMAGE_SAMPLING,
  IMAGE_TO_IMAGE_SMOKE,
  imageToImagePlan,
  type ImageToImagePlan,
  type ImageToImageSettings,
} from './image-conditions/plan.js';
export { imageTransformerSchema, type ImageTransformerResult } from './image-conditions/train-image-transformer.js';
export { METRICS_FILE, writeOutcome } from './write-outcome.js';
