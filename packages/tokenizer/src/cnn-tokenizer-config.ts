import type { Size2D } from '@vitvq/core';
import type { CNNShape } from '@vitvq/layers';
import type { BuiltInBottleneckKinds, QuantizerConfig, QuantizerKinds } from '@vitvq/quantizers';
import type { PixelNormalization } from './vq-tokenizer.js';

/**
 * Tokenizer of convolutional networks (VQGAN of taming-transformers, arXiv:2012.09841; LlamaGen,
 * arXiv:2406.06525) as data that JSON holds.
 */
export interface CNNTokenizerConfig<K extends QuantizerKinds = BuiltInBottleneckKinds> {
  readonly architecture: 'cnn';
  /**
   * Pixels: one number, or `[height, width]`; a multiple of 2^(resolutions - 1). The weights do not
   * depend on the size.
   */
  readonly imageSize: Size2D;
  /** Channels of the images. @default 3 */
  readonly channels?: number;
  readonly encoder: CNNShape;
  /**
   * Shape of the decoder, with as many resolutions as the encoder. taming-transformers and LlamaGen
   * have one block more than the encoder in each resolution.
   */
  readonly decoder: CNNShape;
  /** Channels between encoder and quantizer, and between quantizer and decoder (`z_channels`). */
  readonly latentChannels: number;
  readonly quantizer: QuantizerConfig<K>;
  /** Groups of the group norms. @default 32 */
  readonly numGroups?: number;
  /**
   * Normalization of pixels; see `VQTokenizerOptions`. With the default, encoder and decoder see
   * [-1, 1]. @default { mean: 0.5, deviation: 0.5 }
   */
  readonly pixelNormalization?: PixelNormalization;
}
