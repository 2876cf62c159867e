export { activate, type Activation } from './activations.js';
export {
  MultiHeadAttention,
  multiHeadAttentionReferenceWeights,
  scaledDotProductAttention,
  type MultiHeadAttentionOptions,
} from './attention.js';
export { FeedForward, feedForwardReferenceWeights, type FeedForwardOptions } from './feed-forward.js';
export { LayerNorm, layerNormReferenceWeights, type LayerNormOptions } from './layer-norm.js';
export { Linear, linearReferenceWeights, type LinearOptions } from './linear.js';
export {
  PatchEmbedding,
  patchEmbeddingReferenceWeights,
  PixelProjection,
  pixelProjectionReferenceWeights,
  type PatchOptions,
} from './patch-embedding.js';
export { sinCosPositions2D } from './positions.js';
export {
  Transformer,
  TransformerBlock,
  transformerReferenceWeights,
  type TransformerBlockOptions,
  type TransformerOptions,
} from './transformer.js';
export {
  ViTDecoder,
  vitDecoderReferenceWeights,
  ViTEncoder,
  vitEncoderReferenceWeights,
  type Positions,
  type ViTOptions,
} from './vit.js';
