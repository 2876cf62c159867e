export { completeTokens } from './complete-tokens.js';
export { drawTokens, filterLogits, type FilterOptions } from './filters.js';
export {
  type GeneratedImages,
  type GenerateOptions,
  ImageGenerator,
  type ImageGeneratorOptions,
  type PartialImages,
  type StreamOptions,
} from './image-generator.js';
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
export type { Guidance, PartialTokens, SampleOptions, SamplerOptions, SamplingSchedule } from './sample-options.js';
export { Sampler } from './sampler.js';
export { type SamplerReport, type VerifyOptions, verifySampler } from './verify-sampler.js';
