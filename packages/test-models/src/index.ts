export {
  brightnessTokenizer,
  classGPT,
  everywhere,
  grid,
  imageCount,
  tinyCodeBatches,
  tinyCodes,
  tinyImageBatches,
  tinyStage2Plan,
  vocabSize,
} from './tiny-batches.js';
export { brokenBatches, tinyBatches, tinyConfig, tinyImages, tinyModel, tinyStage1Plan } from './tiny-tokenizer.js';
export { imageTokens, normal, shake, tinyGPT, tinyRQ, tokensOf } from './tiny-transformers.js';
export { quantizerCases, type QuantizerCase } from './quantizer-cases.js';
