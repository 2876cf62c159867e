export { assertBatch } from './assert-batch.js';
export { assertMembers, checkOptions, type CheckOptionsRules, type OptionTable } from './check-options.js';
export * from './checks.js';
export * from './composite.js';
export { assertHasTokens, isContinuous, isQuantizer, noTokensError } from './continuous.js';
export * from './contracts.js';
export * from './detach.js';
export * from './full-precision.js';
export { entriesOfTokens } from './entries-of-tokens.js';
export * from './errors.js';
export * from './image-source.js';
export * from './initializers.js';
export type { ModelNeeds, WeightsFile } from './model-budget.js';
export * from './model-axis.js';
export * from './module.js';
export * from './named-shapes.js';
export * from './random-draws.js';
export { foldIn, randomKey, split, threefry2x32, type RandomKey } from './random-key.js';
export { randomNormal } from './random-normal.js';
export { recompute } from './recompute.js';
export * from './reference-weights.js';
export { assertFitsBudget, skipInitialization } from './skip-initialization.js';
export * from './unusable-image-error.js';
export { type BatchSource } from './batch-source.js';
export {
  type BatchFacts,
  type CodeBatch,
  countOf,
  type HostImages,
  type HostTokens,
  type ImageBatch,
  type ImageOrCodeBatch,
} from './batches.js';
export { allocate } from './allocate.js';
export { parseOptions } from './parse-options.js';
export { printable } from './printable.js';
export { disposeOf, tidied } from './tidied.js';
export { assertTokensInRange } from './token-checks.js';
export { assertTokenizerFits, assertTokensFit, type TokenShape, tokensShapeOf } from './token-shape.js';
export { formatPercent } from './format.js';
export {
  concatenate,
  elementCount,
  mean,
  paddedBatches,
  takeRows,
  type HostArray,
  type PaddedBatch,
} from './host-arrays.js';
export { assertRgbImage, toRgbImages, type RgbImage } from './rgb-image.js';
export { imageGrid, type GridMargin, type ImageGridOptions } from './image-grid.js';
export {
  assertChannelsLast,
  assertImages,
  assertImageValues,
  imageShapeAdvice,
  type ImageRules,
} from './image-checks.js';
export { firstImages } from './first-images.js';
export { readCodes } from './read-codes.js';
