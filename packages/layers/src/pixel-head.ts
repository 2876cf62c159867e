import * as tf from '@tensorflow/tfjs-core';
import type { Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  checkOptions,
  ConfigError,
  constantInitializer,
  foldIn,
  Module,
  patchGrid,
  split,
  type OptionTable,
} from '@vitvq/core';
import { activate, assertActivation, type Activation } from './activations.js';
import { Convolution } from './convolution.js';
import { PixelProjection, patchOptionNames, type PatchOptions } from './patch-embedding.js';

/** Choices of {@link ConvolutionalPixels}. */
export interface ConvolutionalHead {
  readonly kind: 'convolutional';
  /** Number of features that a pixel has beside its channels. @default 16 */
  readonly width?: number;
  /** Number of 3x3 convolutions before the last one. @default 2 */
  readonly depth?: number;
  /** Activation after each convolution but the last. @default 'gelu-tanh' */
  readonly activation?: Activation;
}

/**
 * How a ViT decoder turns tokens into pixels: `linear` is one matrix product for each patch on its
 * own (the paper and the reference), `convolutional` is {@link ConvolutionalPixels}.
 */
export type PixelHeadConfig = { readonly kind: 'linear' } | ConvolutionalHead;

/** Last layers of a ViT decoder. */
export interface PixelHead extends Module {
  /** Weight of the last layer, which the adaptive adversarial weight takes gradients of. */
  readonly weight: Variable;
  /** Maps tokens `[B, N, D]` to images `[B, H, W, C]`. @throws {ShapeError} */
  apply(tokens: Tensor3D): Tensor4D;
}

/** Options of {@link ConvolutionalPixels}. */
export type ConvolutionalPixelsOptions = PatchOptions & Omit<ConvolutionalHead, 'kind'>;

const convolutionalPixelsOptionNames: OptionTable<ConvolutionalPixelsOptions> = {
  ...patchOptionNames,
  width: 'optional',
  depth: 'optional',
  activation: 'optional',
};

/**
 * Projects tokens to pixels, and smooths across the borders of patches: every token gives each of
 * its pixels the channels that `PixelProjection` gives and `width` features; 3x3 convolutions over
 * the whole image make of both a correction that is added to the channels. The last convolution
 * starts at 0, so that training starts as it does with `PixelProjection`.
 *
 * Neither the paper nor the reference has it. A linear projection makes each patch without its
 * neighbors, which shows as a grid of blocks where training is short or patches are large.
 *
 * Variables: `projection.…`, `convolutions.0.…` and so on, `output.…`.
 */
export class ConvolutionalPixels extends Module implements PixelHead {
  readonly #channels: number;
  readonly #tokens: number;
  readonly #dim: number;
  readonly #activation: Activation;
  readonly #projection: PixelProjection;
  readonly #convolutions: readonly Convolution[];
  readonly #output: Convolution;

  /** @throws {ConfigError} */
  constructor(given: ConvolutionalPixelsOptions) {
    super();
    const options = checkOptions(given, convolutionalPixelsOptionNames, 'ConvolutionalPixels', { allowOthers: true });
    const { channels = 3, width = 16, depth = 2, activation = 'gelu-tanh', dim, key } = options;
    assertInteger(channels, 'channels', 'ConvolutionalPixels');
    assertInteger(width, 'width', 'ConvolutionalPixels');
    assertInteger(depth, 'depth', 'ConvolutionalPixels');
    assertActivation(activation, 'ConvolutionalPixels');
    const [rows, columns] = patchGrid(options.imageSize, options.patchSize, 'ConvolutionalPixels');
    this.#tokens = rows * columns;
    this.#dim = dim;
    this.#channels = channels;
    this.#activation = activation;
    const [projectionKey, convolutionKey, outputKey] = split(key, 3);
    this.#projection = this.child(
      'projection',
      new PixelProjection({ ...options, channels: channels + width, key: projectionKey! }),
    );
    this.#convolutions = Array.from({ length: depth }, (_, index) =>
      this.child(
        `convolutions.${index}`,
        new Convolution({
          inChannels: index === 0 ? channels + width : width,
          outChannels: width,
          key: foldIn(convolutionKey!, index),
        }),
      ),
    );
    this.#output = this.child(
      'output',
      new Convolution({
        inChannels: width,
        outChannels: channels,
        initializer: constantInitializer(0),
        biasInitializer: constantInitializer(0),
        key: outputKey!,
      }),
    );
  }

  /** Weight of the last convolution, `[3, 3, width, C]`. */
  get weight(): Variable {
    return this.#output.weight;
  }

  apply(tokens: Tensor3D): Tensor4D {
    assertShape(tokens, ['B', this.#tokens, this.#dim], 'ConvolutionalPixels.apply');
    return tf.tidy(() => {
      const projected = this.#projection.apply(tokens); // [B, H, W, C + width]
      const channels = tf.slice(projected, [0, 0, 0, 0], [-1, -1, -1, this.#channels]);
      let features = projected;
      for (const convolution of this.#convolutions) {
        features = activate(convolution.apply(features), this.#activation);
      }
      return tf.add(channels, this.#output.apply(features));
    });
  }
}

/** Builds the last layers of a decoder. @throws {ConfigError} */
export function createPixelHead(head: PixelHeadConfig, options: PatchOptions): PixelHead {
  const { kind, ...choices } = head;
  if (kind === 'linear') return new PixelProjection(options);
  if (kind === 'convolutional') return new ConvolutionalPixels({ ...options, ...choices });
  throw new ConfigError({
    where: 'ViTDecoder',
    expected: 'pixels.kind to be linear or convolutional',
    got: `"${String(kind)}"`,
  });
}
