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
  toSize2D,
  uniformInitializer,
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
 * Makes pixels that go smoothly across the borders of patches: a transposed convolution whose
 * filter is twice as large as a patch, so that every pixel is the sum of what four tokens give it,
 * makes the channels of each pixel and `width` features; 3x3 convolutions over the whole image make
 * of both a correction that is added to the channels. The last convolution starts at 0.
 *
 * Neither the paper nor the reference has it. A linear projection makes each patch without its
 * neighbors, which shows as a grid of blocks where training is short or patches are large. What is
 * left of the grid, `imageGradientLoss` of @vitvq/losses removes.
 *
 * Variables: `projection.weight` `[2 P, 2 P, C + width, D]`, `projection.bias`, `convolutions.0.…`
 * and so on, `output.…`. The projection starts as that of `PixelProjection`, as U(-b, b) with
 * b = sqrt(6 / (D + P·P·(C + width))).
 */
export class ConvolutionalPixels extends Module implements PixelHead {
  readonly #channels: number;
  readonly #grid: readonly [number, number];
  readonly #patch: readonly [number, number];
  readonly #dim: number;
  readonly #activation: Activation;
  readonly #filter: Variable<tf.Rank.R4>;
  readonly #bias: Variable<tf.Rank.R1>;
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
    this.#grid = patchGrid(options.imageSize, options.patchSize, 'ConvolutionalPixels');
    this.#patch = toSize2D(options.patchSize);
    this.#dim = dim;
    this.#channels = channels;
    this.#activation = activation;
    const [projectionKey, convolutionKey, outputKey] = split(key, 3);
    const [height, columns] = this.#patch;
    const bound = Math.sqrt(6 / (dim + height * columns * (channels + width)));
    const filterShape = [2 * height, 2 * columns, channels + width, dim];
    this.#filter = this.variable('projection.weight', uniformInitializer(bound)(projectionKey!, filterShape));
    this.#bias = this.variable('projection.bias', {
      shape: [channels + width],
      data: new Float32Array(channels + width),
    });
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
    const [rows, columns] = this.#grid;
    const [height, width] = this.#patch;
    assertShape(tokens, ['B', rows * columns, this.#dim], 'ConvolutionalPixels.apply');
    return tf.tidy(() => {
      const map = tf.reshape<tf.Rank.R4>(tokens, [-1, rows, columns, this.#dim]);
      const features = this.#bias.shape[0];
      const size: [number, number, number, number] = [map.shape[0], rows * height, columns * width, features];
      const sums: Tensor4D = tf.conv2dTranspose(map, this.#filter, size, [height, width], 'same');
      const projected: Tensor4D = tf.add(sums, this.#bias); // [B, H, W, C + width]
      const channels = tf.slice(projected, [0, 0, 0, 0], [-1, -1, -1, this.#channels]);
      let hidden = projected;
      for (const convolution of this.#convolutions) {
        hidden = activate(convolution.apply(hidden), this.#activation);
      }
      return tf.add(channels, this.#output.apply(hidden));
    });
  }
}

/**
 * Builds the last layers of a decoder.
 * @param options  the decoder's, of which those of patches count
 * @throws {ConfigError}
 */
export function createPixelHead(
  head: PixelHeadConfig,
  { imageSize, patchSize, dim, channels, key }: PatchOptions,
): PixelHead {
  const { kind, ...choices } = head;
  const options = { imageSize, patchSize, dim, channels, key };
  if (kind === 'linear') return new PixelProjection(options);
  if (kind === 'convolutional') return new ConvolutionalPixels({ ...options, ...choices });
  throw new ConfigError({
    where: 'ViTDecoder',
    expected: 'pixels.kind to be linear or convolutional',
    got: `"${String(kind)}"`,
  });
}
