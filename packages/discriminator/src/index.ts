export { fusedLeakyRelu, leakyRelu } from './activation.js';
export { ConvLayer, convLayerReferenceWeights, type ConvLayerOptions } from './conv-layer.js';
export {
  EqualConv2d,
  equalConv2dReferenceWeights,
  EqualLinear,
  equalLinearReferenceWeights,
  type EqualConv2dOptions,
  type EqualLinearOptions,
} from './equalized.js';
export { minibatchStandardDeviation } from './minibatch-standard-deviation.js';
export {
  ActNorm,
  actNormReferenceWeights,
  BatchNorm,
  batchNormReferenceWeights,
  type NormalizationOptions,
  type NormalizeOptions,
} from './normalization.js';
export {
  PatchDiscriminator,
  patchDiscriminatorReferenceWeights,
  type PatchDiscriminatorOptions,
} from './patch-discriminator.js';
export { StyleBlock, styleBlockReferenceWeights, type StyleBlockOptions } from './style-block.js';
export {
  StyleDiscriminator,
  styleDiscriminatorChannels,
  styleDiscriminatorReferenceWeights,
  type StyleDiscriminatorChannelOptions,
  type StyleDiscriminatorChannels,
  type StyleDiscriminatorOptions,
} from './style-discriminator.js';
export { blurKernel, upfirdn2d, type Upfirdn2dOptions } from './upfirdn2d.js';
