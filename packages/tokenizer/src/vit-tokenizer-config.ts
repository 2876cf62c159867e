import type { Size2D } from '@vitvq/core';
import type { Activation, AttentionConfig, PixelHeadConfig, ViTOptions } from '@vitvq/layers';
import type { BuiltInBottleneckKinds, QuantizerConfig, QuantizerKinds } from '@vitvq/quantizers';
import type { PixelNormalization, VQTokenizerOutput } from './vq-tokenizer.js';

/** Size of one of the two transformers of a tokenizer. */
export interface TransformerSize {
  /** Width of a token, D. */
  readonly dim: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Number of attention heads, M. */
  readonly numHeads: number;
  /** Width of a head. @default dim / numHeads */
  readonly headDim?: number;
  /** Hidden width of the feed-forward layers. */
  readonly mlpDim: number;
  /** Kind of attention; see docs/attention.md. @default { kind: 'full' } */
  readonly attention?: AttentionConfig;
}

/** Decoder of a {@link ViTTokenizerConfig}. */
export interface ViTDecoderSize extends TransformerSize {
  /**
   * How tokens become pixels; `{ kind: convolutional }` smooths the borders of patches, see
   * `ConvolutionalPixels` of @vitvq/layers. @default { kind: 'linear' }, as in the paper
   */
  readonly pixels?: PixelHeadConfig;
}

/**
 * Tokenizer of vision transformers (ViT-VQGAN, arXiv:2110.04627, sec. 3) as data that JSON holds.
 */
export interface ViTTokenizerConfig<K extends QuantizerKinds = BuiltInBottleneckKinds> {
  readonly architecture: 'vit';
  /** Pixels: one number, or `[height, width]`. */
  readonly imageSize: Size2D;
  /** Pixels of a token: one number, or `[height, width]`. */
  readonly patchSize: Size2D;
  /** Channels of the images. @default 3 */
  readonly channels?: number;
  readonly encoder: TransformerSize;
  readonly decoder: ViTDecoderSize;
  readonly quantizer: QuantizerConfig<K>;
  /** Activation of the feed-forward layers. @default 'tanh' */
  readonly activation?: Activation;
  /** Kind of position embeddings. @default 'sincos' */
  readonly positions?: ViTOptions['positions'];
  /** Meaning of the decoder's channels; see `VQTokenizerOptions`. @default 'pixels' */
  readonly output?: VQTokenizerOutput;
  /** Normalization of pixels; see `VQTokenizerOptions`. @default { mean: 0, deviation: 1 } */
  readonly pixelNormalization?: PixelNormalization;
  /**
   * Whether a training step computes activations a second time instead of keeping them, which takes
   * less memory and about a third more time; see `Transformer` of @vitvq/layers.
   * @default false
   */
  readonly recompute?: boolean;
}
