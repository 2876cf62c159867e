export { ConvLayer, convLayerReferenceWeights, type ConvLayerOptions } from './conv-layer.js';
export {
  createDiscriminator,
  discriminatorKinds,
  discriminatorReferenceWeights,
  discriminatorSchema,
  type ConfiguredDiscriminator,
  type DiscriminatorConfig,
} from './kinds.js';
export { minibatchStandardDeviation } from './minibatch-standard-deviation.js';
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
