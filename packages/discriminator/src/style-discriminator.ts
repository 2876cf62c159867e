import * as tf from '@tensorflow/tfjs-core';
import {
  ConfigError,
  Module,
  assertInteger,
  assertShape,
  checkOptions,
  foldIn,
  imageShapeAdvice,
  permuteHost,
  prefixReferenceWeights,
  sameWeight,
  toSize2D,
  type OptionTable,
} from '@vitvq/core';
import type { Discriminator, HostTensor, RandomKey, ReferenceWeight, Size2D } from '@vitvq/core';
import { EqualLinear, equalLinearReferenceWeights, type BlurTaps } from '@vitvq/layers';
import { ConvLayer, convLayerReferenceWeights } from './conv-layer.js';
import { minibatchStandardDeviation } from './minibatch-standard-deviation.js';
import { StyleBlock, styleBlockReferenceWeights } from './style-block.js';

/** Channels of the feature maps by their smaller side: 4, 8, ..., 1024. */
export type StyleDiscriminatorChannels = Readonly<Record<number, number>>;

/** Options of {@link styleDiscriminatorChannels}. */
export interface StyleDiscriminatorChannelOptions {
  /** Multiplier of the channels at sides of 64 and more. @default 2 */
  readonly multiplier?: number;
  /** Channels at sides up to 32; the others are in proportion. @default 512 */
  readonly width?: number;
}

const styleDiscriminatorChannelOptionNames: OptionTable<StyleDiscriminatorChannelOptions> = {
  multiplier: 'optional',
  width: 'optional',
};

/**
 * Returns StyleGAN2's channel table: `width` up to a side of 32, then `width · multiplier / 2` at
 * 64, and half as many at each doubling (by default 512 up to 64, 256 at 128, 32 at 1024).
 * @throws {ConfigError}
 */
export function styleDiscriminatorChannels(options: StyleDiscriminatorChannelOptions = {}): StyleDiscriminatorChannels {
  const { multiplier = 2, width = 512 } = checkOptions(
    options,
    styleDiscriminatorChannelOptionNames,
    'styleDiscriminatorChannels',
  );
  assertInteger(multiplier, 'multiplier', 'styleDiscriminatorChannels');
  assertInteger(width, 'width', 'styleDiscriminatorChannels');
  return Object.fromEntries(
    [4, 8, 16, 32, 64, 128, 256, 512, 1024].map((side) => [
      side,
      side <= 32 ? width : Math.max(Math.floor((width * multiplier * 32) / side), 1),
    ]),
  );
}

/** Options of {@link StyleDiscriminator}. */
export interface StyleDiscriminatorOptions {
  /**
   * Size of the images, `[height, width]` or one number for a square. The smaller side is a power
   * of two from 8 to 1024, the larger a multiple of a quarter of the smaller.
   */
  readonly size: Size2D;
  /** Channels of the images. @default 3 */
  readonly inChannels?: number;
  /** Channels of the feature maps. @default styleDiscriminatorChannels() */
  readonly channels?: StyleDiscriminatorChannels;
  /** Taps of the blur along one axis, or a two-dimensional kernel. @default [1, 3, 3, 1] */
  readonly blurKernel?: BlurTaps;
  /** Smallest number of images in a group of the minibatch standard deviation. @default 4 */
  readonly stddevGroup?: number;
  readonly key: RandomKey;
}

const styleDiscriminatorOptionNames: OptionTable<StyleDiscriminatorOptions> = {
  size: 'required',
  inChannels: 'optional',
  channels: 'optional',
  blurKernel: 'optional',
  stddevGroup: 'optional',
  key: 'required',
};

interface Plan {
  /** Sides at which a block starts, from that of the image down to 8. */
  readonly sides: readonly number[];
  readonly channelsAt: (side: number) => number;
  /** Rows and columns of the last feature map; the smaller number is 4. */
  readonly grid: readonly [number, number];
}

function plan({ size, channels = styleDiscriminatorChannels() }: Omit<StyleDiscriminatorOptions, 'key'>): Plan {
  const where = 'StyleDiscriminator';
  const [height, width] = toSize2D(size);
  const smaller = Math.min(height, width);
  if (!Number.isInteger(Math.log2(smaller)) || smaller < 8 || smaller > 1024) {
    throw new ConfigError({
      where,
      expected: 'size with a smaller side of 8, 16, 32, ..., 1024',
      got: `${height}x${width}`,
      fix: 'Resize or crop the images.',
    });
  }
  const factor = smaller / 4;
  if (height % factor !== 0 || width % factor !== 0) {
    throw new ConfigError({
      where,
      expected: `both sides to be multiples of ${factor}, a quarter of the smaller one`,
      got: `${height}x${width}`,
      fix: 'Resize or crop the images.',
    });
  }
  const sides: number[] = [];
  for (let side = smaller; side > 4; side /= 2) sides.push(side);
  const channelsAt = (side: number): number => {
    const count = channels[side];
    assertInteger(count ?? NaN, `channels[${side}]`, where);
    return count!;
  };
  return { sides, channelsAt, grid: [height / factor, width / factor] };
}

/**
 * Residual discriminator of StyleGAN2 (Karras et al. 2020, arXiv:1912.04958, sec. 4.1, fig. 7),
 * against which ViT-VQGAN is trained (arXiv:2110.04627, sec. 3.3; compared with PatchGAN in Table
 * 3). It has equalised learning rates, a blur before each halving, and the minibatch standard
 * deviation before the last convolution.
 *
 * Gradients of second order exist, as R1 needs them, with those that TensorFlow.js registers.
 * Everything is plain tensor code with fixed shapes and can be compiled.
 *
 * Deviations from the reference: `blurKernel` reaches the blocks and may be two-dimensional, any
 * batch size works in the minibatch standard deviation, images need not be square, and the logits
 * of a batch of one are `[1]`, not a scalar.
 *
 * Variables: `input.…`, `blocks.0.conv1.…`, `blocks.0.conv2.…`, `blocks.0.skip.…` and so on,
 * `finalConvolution.…`, `finalLinear.0.…` and `finalLinear.1.…`.
 */
export class StyleDiscriminator extends Module implements Discriminator {
  readonly imageSize: readonly [number, number];
  readonly inChannels: number;
  readonly #stddevGroup: number;
  readonly #input: ConvLayer;
  readonly #blocks: readonly StyleBlock[];
  readonly #finalConvolution: ConvLayer;
  readonly #finalLinear: readonly [EqualLinear, EqualLinear];

  /** @throws {ConfigError} */
  constructor(options: StyleDiscriminatorOptions) {
    super();
    checkOptions(options, styleDiscriminatorOptionNames, 'StyleDiscriminator', { allowOthers: true });
    const { size, inChannels = 3, blurKernel, stddevGroup = 4, key } = options;
    assertInteger(stddevGroup, 'stddevGroup', 'StyleDiscriminator');
    const { sides, channelsAt, grid } = plan(options);
    this.imageSize = toSize2D(size);
    this.inChannels = inChannels;
    this.#stddevGroup = stddevGroup;
    let parts = 0;
    const nextKey = (): RandomKey => foldIn(key, parts++);
    this.#input = this.child(
      'input',
      new ConvLayer({ inChannels, outChannels: channelsAt(sides[0]!), kernelSize: 1, key: nextKey() }),
    );
    this.#blocks = sides.map((side, index) =>
      this.child(
        `blocks.${index}`,
        new StyleBlock({
          inChannels: channelsAt(side),
          outChannels: channelsAt(side / 2),
          blurKernel,
          key: nextKey(),
        }),
      ),
    );
    const last = channelsAt(4);
    this.#finalConvolution = this.child(
      'finalConvolution',
      new ConvLayer({ inChannels: last + 1, outChannels: last, kernelSize: 3, key: nextKey() }),
    );
    this.#finalLinear = [
      this.child(
        'finalLinear.0',
        new EqualLinear({
          inFeatures: last * grid[0] * grid[1],
          outFeatures: last,
          activation: 'fused-leaky-relu',
          key: nextKey(),
        }),
      ),
      this.child('finalLinear.1', new EqualLinear({ inFeatures: last, outFeatures: 1, key: nextKey() })),
    ];
  }

  /**
   * Returns for images `[B, H, W, C]` in [0, 1] the logits `[B]`; values are not checked, because
   * compiled code cannot look at them.
   * @throws {ShapeError} when the images are not of `imageSize`
   */
  logits(images: tf.Tensor4D): tf.Tensor1D {
    const { imageSize, inChannels } = this;
    const otherSize = `Create a discriminator for the size of these images; this one is for ${imageSize.join('x')} pixels.`;
    const advice = imageShapeAdvice(images.shape, inChannels, otherSize);
    assertShape(images, ['B', ...imageSize, inChannels], 'StyleDiscriminator.logits', advice);
    const batch = images.shape[0];
    return tf.tidy(() => {
      // [B, 4, 4, D]
      const features = this.#blocks.reduce((x, block) => block.apply(x), this.#input.apply(images));
      const mixed = this.#finalConvolution.apply(minibatchStandardDeviation(features, this.#stddevGroup));
      const hidden = this.#finalLinear[0].apply(tf.reshape<tf.Rank.R2>(mixed, [batch, -1]));
      return tf.reshape<tf.Rank.R1>(this.#finalLinear[1].apply(hidden), [batch]);
    });
  }
}

/**
 * Returns the weights of the reference's `StyleDiscriminator`. The blur kernels that it stores are
 * left out: they follow from the options.
 */
export function styleDiscriminatorReferenceWeights(options: Omit<StyleDiscriminatorOptions, 'key'>): ReferenceWeight[] {
  const { key: _key, ...names } = styleDiscriminatorOptionNames;
  checkOptions(options, names, 'styleDiscriminatorReferenceWeights', { allowOthers: true });
  const { sides, channelsAt, grid } = plan(options);
  return [
    ...prefixReferenceWeights(convLayerReferenceWeights(), 'input', 'blocks.0'),
    ...sides.flatMap((_, index) =>
      prefixReferenceWeights(styleBlockReferenceWeights(), `blocks.${index}`, `blocks.${index + 1}`),
    ),
    ...prefixReferenceWeights(convLayerReferenceWeights(), 'finalConvolution', 'final_conv'),
    flattenedWeight('finalLinear.0.weight', 'final_linear.0.weight', [...grid, channelsAt(4)]),
    sameWeight('finalLinear.0.bias', 'final_linear.0.bias'),
    ...prefixReferenceWeights(equalLinearReferenceWeights(), 'finalLinear.1', 'final_linear.1'),
  ];
}

/**
 * Returns the entry of a dense weight after flattening: ours is `[h·w·C, out]` from `[h, w, C]`,
 * PyTorch's `[out, C·h·w]` from `[C, h, w]`.
 */
function flattenedWeight(
  name: string,
  referenceName: string,
  [height, width, channels]: readonly [number, number, number],
): ReferenceWeight {
  const features = height * width * channels;
  return {
    name,
    referenceName,
    fromReference: ({ shape, data }): HostTensor => {
      const out = shape[0]!;
      const permuted = permuteHost({ shape: [out, channels, height, width], data }, [2, 3, 1, 0]);
      return { shape: [features, out], data: permuted.data };
    },
    toReference: ({ shape, data }): HostTensor => {
      const out = shape[1]!;
      const permuted = permuteHost({ shape: [height, width, channels, out], data }, [3, 2, 0, 1]);
      return { shape: [out, features], data: permuted.data };
    },
  };
}
