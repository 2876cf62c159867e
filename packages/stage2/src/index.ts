export { attentionMask } from './attention-mask.js';
export {
  type AutoregressiveModel,
  type ChooseToken,
  type Conditions,
  type ImageTokens,
  type LogitsOptions,
  type SamplingState,
} from './autoregressive-model.js';
export {
  CausalAttention,
  type AttentionForward,
  type AttentionPart,
  type CausalAttentionOptions,
  type Remember,
} from './causal-attention.js';
export {
  CausalBlock,
  CausalTransformer,
  type BlockForward,
  type CausalBlockOptions,
  type CausalTransformerOptions,
  type TransformerForward,
} from './causal-transformer.js';
export { crossEntropy } from './cross-entropy.js';
export { drawDropoutMasks, type DropoutMasks, type DropoutRates, type DropoutSite } from './dropout.js';
export { drawTokens, filterLogits, type FilterOptions } from './filters.js';
export { GPT, type GPTOptions } from './gpt.js';
export { type FeedForwardActivation } from './internal/activation.js';
export { type SequenceEmbeddingOptions, type TokenPositions } from './internal/sequence-embedding.js';
export { splitByDecay, type DecaySplit } from './parameter-groups.js';
export { VIM_BASE, VIM_LARGE, type TransformerPreset } from './presets.js';
export { gptReferenceWeights, rqTransformerReferenceWeights } from './reference-weights.js';
export { RQTransformer, type RQTransformerOptions } from './rq-transformer.js';
export {
  Sampler,
  type Guidance,
  type PartialTokens,
  type SampleOptions,
  type SamplerOptions,
  type Schedule,
} from './sampler.js';
export { type BlockCache, type CacheSize, type EarlierSlots, type SamplingCache } from './sampling-cache.js';
export { assertTokensInRange } from './token-checks.js';
export { verifySampler, type SamplerReport, type VerifyOptions } from './verify-sampler.js';
