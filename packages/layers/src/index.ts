export { activate, type Activation } from './activations.js';
export {
  MultiHeadAttention,
  multiHeadAttentionReferenceWeights,
  scaledDotProductAttention,
  type MultiHeadAttentionOptions,
} from './attention.js';
export { CNNDecoder, CNNEncoder, type CNNOptions } from './cnn.js';
export { cnnDecoderReferenceWeights, cnnEncoderReferenceWeights, type CNNNaming } from './cnn-reference-weights.js';
export { Convolution, convolutionReferenceWeights, type ConvolutionOptions } from './convolution.js';
export { FeedForward, feedForwardReferenceWeights, type FeedForwardOptions } from './feed-forward.js';
export { GroupNorm, groupNormReferenceWeights, type GroupNormOptions } from './group-norm.js';
export { type CNNShape } from './internal/cnn-plan.js';
export { LayerNorm, layerNormReferenceWeights, type LayerNormOptions } from './layer-norm.js';
export { Linear, linearReferenceWeights, type LinearOptions } from './linear.js';
export {
  PatchEmbedding,
  patchEmbeddingReferenceWeights,
  PixelProjection,
  pixelProjectionReferenceWeights,
  type PatchOptions,
} from './patch-embedding.js';
export { pointwiseConvolution, pointwiseConvolutionReferenceWeights } from './pointwise-convolution.js';
export { sinCosPositions2D } from './positions.js';
export { ResidualBlock, residualBlockReferenceWeights, type ResidualBlockOptions } from './residual-block.js';
export {
  SpatialAttention,
  spatialAttentionReferenceWeights,
  type SpatialAttentionOptions,
} from './spatial-attention.js';
export {
  Transformer,
  TransformerBlock,
  transformerReferenceWeights,
  type TransformerBlockOptions,
  type TransformerOptions,
} from './transformer.js';
export { upsampleNearest } from './upsample-nearest.js';
export {
  ViTDecoder,
  vitDecoderReferenceWeights,
  ViTEncoder,
  vitEncoderReferenceWeights,
  type Positions,
  type ViTOptions,
} from './vit.js';
export { attentionMask } from './attention-mask.js';
export {
  type AttentionForward,
  type AttentionPart,
  CausalAttention,
  type CausalAttentionOptions,
  type Remember,
  weightStddev,
} from './causal-attention.js';
export {
  type BlockForward,
  CausalBlock,
  type CausalBlockOptions,
  CausalTransformer,
  type CausalTransformerOptions,
  type TransformerForward,
} from './causal-transformer.js';
export {
  drawDropoutMasks,
  type DropoutMasks,
  dropoutMasksUnder,
  type DropoutRates,
  type DropoutSite,
  prefixDropoutSites,
} from './dropout.js';
export { type FeedForwardActivation } from './feed-forward-activation.js';
export {
  addedBy,
  type AddedSlots,
  type BlockCache,
  CacheStep,
  emptyCache,
  pick,
  type SamplingCache,
  withinLast,
  writeSlots,
} from './kv-cache.js';
