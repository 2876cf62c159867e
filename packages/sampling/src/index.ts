export { AnyOrderSampler, type OrderedSample } from './any-order-sampler.js';
export { classesToldApart } from './classes-told-apart.js';
export { completeTokens } from './complete-tokens.js';
export { createSampler, decodingSchemaOf } from './create-sampler.js';
export { editImages, type EditOptions } from './edit-images.js';
export { drawTokens, filterLogits, type FilterOptions } from './filters.js';
export {
  type GeneratedImages,
  type GenerateOptions,
  ImageGenerator,
  type ImageGeneratorOptions,
  type PartialImages,
  type StreamOptions,
} from './image-generator.js';
export { MaskedSampler, type MaskedStep } from './masked-sampler.js';
export {
  type AcceptanceRule,
  type AcceptedImages,
  type RejectionOptions,
  type RejectionProgress,
  RejectionSampler,
  type RejectionSamplerOptions,
  type ScoredImages,
  type Scorer,
} from './rejection-sampler.js';
export type {
  AnyOrderDecoding,
  Decoding,
  Guidance,
  MaskedDecoding,
  OrderFreeSamplerOptions,
  PartialTokens,
  SampleOptions,
  SamplerOptions,
  SamplingSchedule,
  TokenSampler,
} from './sample-options.js';
export { Sampler } from './sampler.js';
export { type SamplerReport, type VerifyOptions, verifySampler } from './verify-sampler.js';
export {
  invertMask,
  maskAtRandom,
  maskOfPixels,
  maskOfRectangle,
  swapTokens,
  type PixelMask,
  type TokenMask,
  type TokenRectangle,
} from './token-masks.js';
