export { AdaLNBlock, createModulation, modulated, type AdaLNBlockOptions } from './ada-ln-block.js';
export { ActNorm, actNormReferenceWeights } from './act-norm.js';
export { activate, activationNames, type Activation } from './activations.js';
export { MultiHeadAttention, multiHeadAttentionReferenceWeights, type MultiHeadAttentionOptions } from './attention.js';
export { attentionKinds, attentionProblem, attentionSchema, type AttentionConfig } from './attention-kinds.js';
export {
  type AttentionKind,
  type AttentionMechanism,
  type AttentionSetting,
  type TokenLayout,
} from './attention-kind.js';
export { BatchNorm, batchNormReferenceWeights } from './batch-norm.js';
export { blurKernel, separableBlur, type BlurTaps } from './blur-kernel.js';
export { blockwiseAttention } from './blockwise-attention.js';
export { CNNDecoder, CNNEncoder, type CNNOptions } from './cnn.js';
export { cnnDecoderReferenceWeights, cnnEncoderReferenceWeights, type CNNNaming } from './cnn-reference-weights.js';
export { Convolution, convolutionReferenceWeights, type ConvolutionOptions } from './convolution.js';
export { EqualConv2d, equalConv2dReferenceWeights, type EqualConv2dOptions } from './equal-conv-2d.js';
export { EqualLinear, equalLinearReferenceWeights, type EqualLinearOptions } from './equal-linear.js';
export { FeedForward, feedForwardReferenceWeights, type FeedForwardOptions } from './feed-forward.js';
export { GroupNorm, groupNormReferenceWeights, type GroupNormOptions } from './group-norm.js';
export { type CNNShape } from './internal/cnn-plan.js';
export { LayerNorm, layerNormReferenceWeights, type LayerNormOptions } from './layer-norm.js';
export { fusedLeakyRelu, leakyRelu } from './leaky-relu.js';
export { Linear, linearReferenceWeights, type LinearOptions } from './linear.js';
export { createNorm, defaultNormEpsilon, type Norm, normNames } from './norm.js';
export type { NormalizationOptions, NormalizeOptions } from './normalization-options.js';
export type { Padding2D } from './padding-2d.js';
export {
  PatchEmbedding,
  patchEmbeddingReferenceWeights,
  PixelProjection,
  pixelProjectionReferenceWeights,
  type PatchOptions,
} from './patch-embedding.js';
export {
  ConvolutionalPixels,
  type ConvolutionalHead,
  type ConvolutionalPixelsOptions,
  type PixelHeadConfig,
} from './pixel-head.js';
export { pointwiseConvolution, pointwiseConvolutionReferenceWeights } from './pointwise-convolution.js';
export { sinCosPositions2D } from './positions.js';
export { ResidualBlock, residualBlockReferenceWeights, type ResidualBlockOptions } from './residual-block.js';
export { RMSNorm, type RMSNormOptions } from './rms-norm.js';
export {
  type RotaryConditions,
  rotaryConditionNames,
  rotaryPositions2D,
  rotate,
  type Rotation,
  type RotationTables,
} from './rotary.js';
export { scaledDotProductAttention } from './scaled-dot-product-attention.js';
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
export { upfirdn2d, type SeparableKernel, type Upfirdn2dOptions } from './upfirdn2d.js';
export { upsampleNearest } from './upsample-nearest.js';
export {
  ViTDecoder,
  type ViTDecoderOptions,
  vitDecoderReferenceWeights,
  ViTEncoder,
  vitEncoderReferenceWeights,
  type Positions,
  type ViTOptions,
} from './vit.js';
export { attentionMask, hiddenScore, paddingMask, withPadding } from './attention-mask.js';
export { ViT1DDecoder, ViT1DEncoder, type ViT1DOptions } from './vit-1d.js';
export {
  type AttentionForward,
  type AttentionPart,
  CausalAttention,
  type CausalAttentionOptions,
  type Remember,
  type SequenceMask,
  weightStddev,
} from './causal-attention.js';
export {
  type BlockForward,
  CausalBlock,
  type CausalBlockOptions,
  CausalTransformer,
  type CausalTransformerOptions,
  defaultMlpDim,
  type FeedForwardKind,
  feedForwardNames,
  type NormPlacement,
  normPlacementNames,
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
export {
  prefilledSlots,
  type AddedSlots,
  type BlockCache,
  CacheStep,
  emptyCache,
  pick,
  type KVCache,
  withinLast,
  writeSlots,
} from './kv-cache.js';
