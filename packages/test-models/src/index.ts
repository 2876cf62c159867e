export { attentionCases } from './attention-cases.js';
export {
  brightnessTokenizer,
  classGPT,
  everywhere,
  grid,
  imageCount,
  tinyCodeBatches,
  tinyCodes,
  tinyImageBatches,
  tinyTransformerTraining,
  vocabSize,
} from './tiny-batches.js';
export {
  brokenBatches,
  tinyBatches,
  tiny1DConfig,
  tinyConfig,
  tinyImages,
  tinyModel,
  tinyTokenizerTraining,
} from './tiny-tokenizer.js';
export {
  bertBlocks,
  imageTokens,
  modernBlocks,
  normal,
  shake,
  tinyAnyOrder,
  tinyGPT,
  tinyMasked,
  tinyRAR,
  tinyRQ,
  tokensOf,
} from './tiny-transformers.js';
export { stepReports, type SteppingTrainer } from './step-reports.js';
export { quantizerCases, type QuantizerCase } from './quantizer-cases.js';
