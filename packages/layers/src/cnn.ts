import * as tf from '@tensorflow/tfjs-core';
import type { Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  checkOptions,
  ConfigError,
  foldIn,
  imageShapeAdvice,
  Module,
  split,
  toSize2D,
  type Decoder,
  type Encoder,
  type OptionTable,
  type RandomKey,
  type Size2D,
} from '@vitvq/core';
import { activate } from './activations.js';
import { Convolution } from './convolution.js';
import { GroupNorm } from './group-norm.js';
import { planResolutions, type CNNShape, type ResolutionPlan } from './internal/cnn-plan.js';
import { ResidualBlock } from './residual-block.js';
import { SpatialAttention } from './spatial-attention.js';
import { upsampleNearest } from './upsample-nearest.js';

/** Options of {@link CNNEncoder} and {@link CNNDecoder}. */
export type CNNOptions = CNNShape & {
  /**
   * Size in pixels, `[height, width]` or one number for a square; a multiple of 2^(n - 1) with n
   * the number of resolutions.
   */
  readonly imageSize: Size2D;
  /** Channels of the images. @default 3 */
  readonly channels?: number;
  /** D, width of a token: the channels of the smallest feature map. */
  readonly dim: number;
  /** Groups of the norms; the channels at every resolution are a multiple of it. @default 32 */
  readonly numGroups?: number;
  readonly key: RandomKey;
};

const cnnOptionNames: OptionTable<CNNOptions> = {
  baseChannels: 'required',
  channelMultipliers: 'required',
  blocksPerResolution: 'required',
  attentionResolutions: 'optional',
  imageSize: 'required',
  channels: 'optional',
  dim: 'required',
  numGroups: 'optional',
  key: 'required',
};

/**
 * Returns the rows and columns of tokens: every resolution but one halves.
 * @throws {ConfigError}
 */
function tokenGrid(imageSize: Size2D, resolutions: number, where: string): readonly [number, number] {
  const factor = 2 ** (resolutions - 1);
  const [height, width] = toSize2D(imageSize);
  assertInteger(height, 'image height', where);
  assertInteger(width, 'image width', where);
  if (height % factor !== 0 || width % factor !== 0) {
    throw new ConfigError({
      where,
      expected: `imageSize to be a multiple of ${factor}, which ${resolutions} resolutions make one pixel`,
      got: `${height}x${width}`,
      fix: 'Resize or crop the images.',
    });
  }
  return [height / factor, width / factor];
}

/** Residual blocks at one resolution, each followed by attention where the plan has it. */
class Resolution extends Module {
  readonly #blocks: readonly ResidualBlock[];
  readonly #attention: readonly SpatialAttention[];
  /** The convolution that halves the image, or that follows its doubling. */
  readonly resample: Convolution | undefined;

  constructor(
    { blocks, hasAttention, outChannels, resamples }: ResolutionPlan,
    { numGroups, resample, key }: { numGroups?: number; resample: { name: string; stride: number }; key: RandomKey },
  ) {
    super();
    const [blockKey, attentionKey, resampleKey] = split(key, 3) as [RandomKey, RandomKey, RandomKey];
    this.#blocks = blocks.map((channels, index) =>
      this.child(`blocks.${index}`, new ResidualBlock({ ...channels, numGroups, key: foldIn(blockKey, index) })),
    );
    this.#attention = (hasAttention ? blocks : []).map((_, index) =>
      this.child(
        `attention.${index}`,
        new SpatialAttention({ channels: outChannels, numGroups, key: foldIn(attentionKey, index) }),
      ),
    );
    const channels = { inChannels: outChannels, outChannels };
    this.resample = resamples
      ? this.child(resample.name, new Convolution({ ...channels, stride: resample.stride, key: resampleKey }))
      : undefined;
  }

  apply(x: Tensor4D): Tensor4D {
    return this.#blocks.reduce((features, block, index) => {
      const next = block.apply(features);
      return this.#attention[index]?.apply(next) ?? next;
    }, x);
  }
}

/** Parts of both at the smallest resolution: a residual block, attention, a residual block. */
class Middle extends Module {
  readonly #firstBlock: ResidualBlock;
  readonly #attention: SpatialAttention;
  readonly #secondBlock: ResidualBlock;

  constructor(channels: number, numGroups: number | undefined, key: RandomKey) {
    super();
    const [firstKey, attentionKey, secondKey] = split(key, 3) as [RandomKey, RandomKey, RandomKey];
    const block = { inChannels: channels, outChannels: channels, numGroups };
    this.#firstBlock = this.child('firstBlock', new ResidualBlock({ ...block, key: firstKey }));
    this.#attention = this.child('attention', new SpatialAttention({ channels, numGroups, key: attentionKey }));
    this.#secondBlock = this.child('secondBlock', new ResidualBlock({ ...block, key: secondKey }));
  }

  apply(x: Tensor4D): Tensor4D {
    return this.#secondBlock.apply(this.#attention.apply(this.#firstBlock.apply(x)));
  }
}

/**
 * Turns images into tokens with convolutions: the encoder of VQGAN (Esser et al., arXiv:2012.09841,
 * table 7), which LlamaGen's tokenizers have too. It has a convolution, residual blocks at
 * resolutions each half the one before, residual blocks with attention between, norm, silu and a
 * convolution. Variables: `input.…`, `levels.0.blocks.0.…`, `levels.0.attention.0.…`,
 * `levels.0.downsample.…`, `middle.…`, `norm.…` and `output.…`; `levels.0` is the full resolution.
 *
 * Deviations: attention is given by the index of a resolution and not by its size in pixels, so
 * that images need not be square; there is no dropout.
 */
export class CNNEncoder extends Module implements Encoder {
  readonly grid: readonly [number, number];
  readonly imageSize: readonly [number, number];
  readonly dim: number;
  readonly channels: number;
  readonly #input: Convolution;
  readonly #resolutions: readonly Resolution[];
  readonly #middle: Middle;
  readonly #norm: GroupNorm;
  readonly #output: Convolution;

  /** @throws {ConfigError} */
  constructor(options: CNNOptions) {
    super();
    checkOptions(options, cnnOptionNames, 'CNNEncoder', { allowOthers: true });
    const { imageSize, channels = 3, dim, numGroups, key, ...shape } = options;
    const { resolutions, innerChannels } = planResolutions(shape, 'encoder', 'CNNEncoder');
    this.grid = tokenGrid(imageSize, resolutions.length, 'CNNEncoder');
    this.imageSize = toSize2D(imageSize);
    this.dim = dim;
    this.channels = channels;
    const [inputKey, resolutionKey, middleKey, outputKey] = split(key, 4) as [
      RandomKey,
      RandomKey,
      RandomKey,
      RandomKey,
    ];
    this.#input = this.child(
      'input',
      new Convolution({ inChannels: channels, outChannels: shape.baseChannels, key: inputKey }),
    );
    const resample = { name: 'downsample', stride: 2 };
    this.#resolutions = resolutions.map((plan) =>
      this.child(
        `levels.${plan.index}`,
        new Resolution(plan, { numGroups, resample, key: foldIn(resolutionKey, plan.index) }),
      ),
    );
    this.#middle = this.child('middle', new Middle(innerChannels, numGroups, middleKey));
    this.#norm = this.child('norm', new GroupNorm({ channels: innerChannels, numGroups }));
    this.#output = this.child(
      'output',
      new Convolution({ inChannels: innerChannels, outChannels: dim, key: outputKey }),
    );
  }

  /** `input`, `levels.0` and so on from the full resolution down, `middle`, `output`. */
  get featureNames(): readonly string[] {
    return ['input', ...this.#resolutions.map((_, index) => `levels.${index}`), 'middle', 'output'];
  }

  /**
   * Encodes images `[B, H, W, C]` to tokens `[B, N, D]`. VQGAN's weights expect pixels in [-1, 1].
   * @throws {ShapeError} when the images have another size
   */
  encode(images: Tensor4D): Tensor3D {
    return tf.tidy(() => tokensOf(this.#maps(images, 'CNNEncoder.encode').at(-1)!));
  }

  /**
   * Returns the output of every stage for images `[B, H, W, C]`, by name: `[B, h·w, c]` with the
   * stage's own size and channels, that of a resolution before it is halved; `output` is what
   * {@link encode} returns. The caller disposes of all of them.
   * @throws {ShapeError} when the images have another size
   */
  features(images: Tensor4D): Record<string, Tensor3D> {
    return tf.tidy(() => {
      const maps = this.#maps(images, 'CNNEncoder.features');
      return Object.fromEntries(this.featureNames.map((name, index) => [name, tokensOf(maps[index]!)]));
    });
  }

  /** Returns a map `[B, h, w, c]` for each name, in the order of the names. */
  #maps(images: Tensor4D, where: string): Tensor4D[] {
    const { channels, imageSize } = this;
    assertShape(images, ['B', ...imageSize, channels], where, imageShapeAdvice(images.shape, channels));
    const maps = [this.#input.apply(images)];
    let x = maps[0]!;
    for (const resolution of this.#resolutions) {
      const y = resolution.apply(x);
      maps.push(y);
      x = resolution.resample?.apply(y) ?? y;
    }
    const middle = this.#middle.apply(x);
    return [...maps, middle, this.#output.apply(activate(this.#norm.apply(middle), 'silu'))];
  }
}

/** Returns a map `[B, h, w, c]` as tokens in raster order, `[B, h·w, c]`. */
function tokensOf(map: Tensor4D): Tensor3D {
  const [batch, height, width, channels] = map.shape;
  return tf.reshape(map, [batch, height * width, channels]);
}

/**
 * Turns tokens into images, the mirror of `CNNEncoder`: the decoder of VQGAN (arXiv:2012.09841,
 * table 7). The image is doubled by repeating its pixels, and a convolution follows. The output is
 * linear. Variables: `input.…`, `middle.…`, `levels.4.blocks.0.…`, `levels.4.attention.0.…`,
 * `levels.4.upsample.…` and so on to `levels.0.…`, `norm.…` and `output.…`; `levels.0` is the full
 * resolution.
 *
 * `blocksPerResolution` is the number of blocks of this decoder: taming-transformers and LlamaGen
 * give decoders one more than encoders.
 */
export class CNNDecoder extends Module implements Decoder {
  readonly grid: readonly [number, number];
  readonly dim: number;
  readonly #input: Convolution;
  readonly #middle: Middle;
  readonly #resolutions: readonly Resolution[];
  readonly #norm: GroupNorm;
  readonly #output: Convolution;

  /** @throws {ConfigError} */
  constructor(options: CNNOptions) {
    super();
    checkOptions(options, cnnOptionNames, 'CNNDecoder', { allowOthers: true });
    const { imageSize, channels = 3, dim, numGroups, key, ...shape } = options;
    const { resolutions, innerChannels } = planResolutions(shape, 'decoder', 'CNNDecoder');
    this.grid = tokenGrid(imageSize, resolutions.length, 'CNNDecoder');
    this.dim = dim;
    const outerChannels = resolutions.at(-1)!.outChannels;
    const [inputKey, resolutionKey, middleKey, outputKey] = split(key, 4) as [
      RandomKey,
      RandomKey,
      RandomKey,
      RandomKey,
    ];
    this.#input = this.child('input', new Convolution({ inChannels: dim, outChannels: innerChannels, key: inputKey }));
    this.#middle = this.child('middle', new Middle(innerChannels, numGroups, middleKey));
    const resample = { name: 'upsample', stride: 1 };
    this.#resolutions = resolutions.map((plan) =>
      this.child(
        `levels.${plan.index}`,
        new Resolution(plan, { numGroups, resample, key: foldIn(resolutionKey, plan.index) }),
      ),
    );
    this.#norm = this.child('norm', new GroupNorm({ channels: outerChannels, numGroups }));
    this.#output = this.child(
      'output',
      new Convolution({ inChannels: outerChannels, outChannels: channels, key: outputKey }),
    );
  }

  /** Weight of the convolution that makes the pixels, `[3, 3, in, C]`. */
  get lastLayer(): Variable {
    return this.#output.weight;
  }

  /** Decodes tokens `[B, N, D]` to images `[B, H, W, C]`. @throws {ShapeError} */
  decode(tokens: Tensor3D): Tensor4D {
    const [rows, columns] = this.grid;
    assertShape(tokens, ['B', rows * columns, this.dim], 'CNNDecoder.decode');
    return tf.tidy(() => {
      const map = tf.reshape<tf.Rank.R4>(tokens, [tokens.shape[0], rows, columns, this.dim]);
      const features = this.#resolutions.reduce(
        (x, resolution) => {
          const y = resolution.apply(x);
          return resolution.resample?.apply(upsampleNearest(y)) ?? y;
        },
        this.#middle.apply(this.#input.apply(map)),
      );
      return this.#output.apply(activate(this.#norm.apply(features), 'silu'));
    });
  }
}
