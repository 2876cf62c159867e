import * as tf from '@tensorflow/tfjs-core';
import type { Tensor3D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  ConfigError,
  foldIn,
  Module,
  split,
  toSize2D,
  type Decoder,
  type Encoder,
  type RandomKey,
  type Size2D,
} from '@vitvq/core';
import { activate } from './activations.js';
import { Convolution } from './convolution.js';
import { GroupNorm } from './group-norm.js';
import { planLevels, type CNNShape, type LevelPlan } from './internal/cnn-plan.js';
import { ResidualBlock } from './residual-block.js';
import { SpatialAttention } from './spatial-attention.js';
import { upsampleNearest } from './upsample-nearest.js';

export type CNNOptions = CNNShape & {
  /** Pixels, `[height, width]` or one number for a square; a multiple of 2^(levels - 1). */
  readonly imageSize: Size2D;
  /** Of the images. @default 3 */
  readonly channels?: number;
  /** D, width of a token: the channels of the smallest feature map. */
  readonly dim: number;
  /** Of the norms; every level's channels are a multiple of it. @default 32 */
  readonly numGroups?: number;
  readonly key: RandomKey;
};

/** Rows and columns of tokens: every level but one halves. @throws {ConfigError} */
function tokenGrid(imageSize: Size2D, levels: number, where: string): readonly [number, number] {
  const factor = 2 ** (levels - 1);
  const [height, width] = toSize2D(imageSize);
  assertInteger(height, 'image height', where);
  assertInteger(width, 'image width', where);
  if (height % factor !== 0 || width % factor !== 0) {
    throw new ConfigError({
      where,
      expected: `imageSize to be a multiple of ${factor}, which ${levels} levels make one pixel`,
      got: `${height}x${width}`,
      fix: 'Resize or crop the images.',
    });
  }
  return [height / factor, width / factor];
}

/** Residual blocks at one resolution, each followed by attention where the level has it. */
class Level extends Module {
  readonly #blocks: readonly ResidualBlock[];
  readonly #attention: readonly SpatialAttention[];
  /** The convolution that halves the image, or that follows its doubling. */
  readonly resample: Convolution | undefined;

  constructor(
    { blocks, hasAttention, outChannels, resamples }: LevelPlan,
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

/** What both have at the smallest resolution: a residual block, attention, a residual block. */
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
 * Images to tokens with convolutions: the encoder of VQGAN (Esser et al., arXiv:2012.09841, table 7), which LlamaGen's
 * tokenizers have too. A convolution, levels of residual blocks each half as large as the one before, residual blocks
 * with attention between, norm, silu, convolution. Variables: `input.…`, `levels.0.blocks.0.…`, `levels.0.attention.0.…`,
 * `levels.0.downsample.…`, `middle.…`, `norm.…`, `output.…`; level 0 is the full resolution.
 *
 * Deviation: attention is given by level, not by resolution, so that images need not be square; no dropout.
 */
export class CNNEncoder extends Module implements Encoder {
  readonly grid: readonly [number, number];
  readonly imageSize: readonly [number, number];
  readonly dim: number;
  readonly channels: number;
  readonly #input: Convolution;
  readonly #levels: readonly Level[];
  readonly #middle: Middle;
  readonly #norm: GroupNorm;
  readonly #output: Convolution;

  /** @throws {ConfigError} */
  constructor({ imageSize, channels = 3, dim, numGroups, key, ...shape }: CNNOptions) {
    super();
    const { levels, innerChannels } = planLevels(shape, 'encoder', 'CNNEncoder');
    this.grid = tokenGrid(imageSize, levels.length, 'CNNEncoder');
    this.imageSize = toSize2D(imageSize);
    this.dim = dim;
    this.channels = channels;
    const [inputKey, levelKey, middleKey, outputKey] = split(key, 4) as [RandomKey, RandomKey, RandomKey, RandomKey];
    this.#input = this.child(
      'input',
      new Convolution({ inChannels: channels, outChannels: shape.baseChannels, key: inputKey }),
    );
    const resample = { name: 'downsample', stride: 2 };
    this.#levels = levels.map((plan) =>
      this.child(`levels.${plan.level}`, new Level(plan, { numGroups, resample, key: foldIn(levelKey, plan.level) })),
    );
    this.#middle = this.child('middle', new Middle(innerChannels, numGroups, middleKey));
    this.#norm = this.child('norm', new GroupNorm({ channels: innerChannels, numGroups }));
    this.#output = this.child(
      'output',
      new Convolution({ inChannels: innerChannels, outChannels: dim, key: outputKey }),
    );
  }

  /** `input`, `levels.0` and so on, `middle`, `output`. */
  get featureNames(): readonly string[] {
    return ['input', ...this.#levels.map((_, index) => `levels.${index}`), 'middle', 'output'];
  }

  /** Images `[B, H, W, C]` to `[B, N, D]`; VQGAN's see pixels in [-1, 1]. @throws {ShapeError} when they have another size */
  encode(images: Tensor4D): Tensor3D {
    return tf.tidy(() => tokensOf(this.#maps(images, 'CNNEncoder.encode').at(-1)!));
  }

  /**
   * What every stage makes of images `[B, H, W, C]`, by name: `[B, h·w, c]` with the stage's own size and channels, a level's
   * before it is halved; `output` is what {@link encode} returns. The caller disposes of all of them.
   * @throws {ShapeError} when the images have another size
   */
  features(images: Tensor4D): Record<string, Tensor3D> {
    return tf.tidy(() => {
      const maps = this.#maps(images, 'CNNEncoder.features');
      return Object.fromEntries(this.featureNames.map((name, index) => [name, tokensOf(maps[index]!)]));
    });
  }

  /** `[B, h, w, c]` each, in the order of the names. */
  #maps(images: Tensor4D, where: string): Tensor4D[] {
    assertShape(images, ['B', ...this.imageSize, this.channels], where, 'Resize or crop the images to imageSize.');
    const maps = [this.#input.apply(images)];
    let x = maps[0]!;
    for (const level of this.#levels) {
      const y = level.apply(x);
      maps.push(y);
      x = level.resample?.apply(y) ?? y;
    }
    const middle = this.#middle.apply(x);
    return [...maps, middle, this.#output.apply(activate(this.#norm.apply(middle), 'silu'))];
  }
}

/** A map `[B, h, w, c]` in raster order, `[B, h·w, c]`. */
function tokensOf(map: Tensor4D): Tensor3D {
  const [batch, height, width, channels] = map.shape;
  return tf.reshape(map, [batch, height * width, channels]);
}

/**
 * Tokens to images, the mirror of `CNNEncoder`: the decoder of VQGAN (arXiv:2012.09841, table 7). Levels double the image, by
 * repeating pixels and a convolution. The output is linear. Variables: `input.…`, `middle.…`, `levels.4.blocks.0.…`,
 * `levels.4.attention.0.…`, `levels.4.upsample.…` down to `levels.0.…`, `norm.…`, `output.…`; level 0 is the full resolution.
 *
 * `blocksPerLevel` is the number of blocks: taming-transformers and LlamaGen give decoders one more than encoders.
 */
export class CNNDecoder extends Module implements Decoder {
  readonly grid: readonly [number, number];
  readonly dim: number;
  readonly #input: Convolution;
  readonly #middle: Middle;
  readonly #levels: readonly Level[];
  readonly #norm: GroupNorm;
  readonly #output: Convolution;

  /** @throws {ConfigError} */
  constructor({ imageSize, channels = 3, dim, numGroups, key, ...shape }: CNNOptions) {
    super();
    const { levels, innerChannels } = planLevels(shape, 'decoder', 'CNNDecoder');
    this.grid = tokenGrid(imageSize, levels.length, 'CNNDecoder');
    this.dim = dim;
    const outerChannels = levels.at(-1)!.outChannels;
    const [inputKey, levelKey, middleKey, outputKey] = split(key, 4) as [RandomKey, RandomKey, RandomKey, RandomKey];
    this.#input = this.child('input', new Convolution({ inChannels: dim, outChannels: innerChannels, key: inputKey }));
    this.#middle = this.child('middle', new Middle(innerChannels, numGroups, middleKey));
    const resample = { name: 'upsample', stride: 1 };
    this.#levels = levels.map((plan) =>
      this.child(`levels.${plan.level}`, new Level(plan, { numGroups, resample, key: foldIn(levelKey, plan.level) })),
    );
    this.#norm = this.child('norm', new GroupNorm({ channels: outerChannels, numGroups }));
    this.#output = this.child(
      'output',
      new Convolution({ inChannels: outerChannels, outChannels: channels, key: outputKey }),
    );
  }

  /** Weight of the convolution that makes the pixels. */
  get lastLayer(): Variable {
    return this.#output.weight;
  }

  /** `[B, N, D]` to `[B, H, W, C]`. @throws {ShapeError} */
  decode(tokens: Tensor3D): Tensor4D {
    const [rows, columns] = this.grid;
    assertShape(tokens, ['B', rows * columns, this.dim], 'CNNDecoder.decode');
    return tf.tidy(() => {
      const map = tf.reshape<tf.Rank.R4>(tokens, [tokens.shape[0], rows, columns, this.dim]);
      const features = this.#levels.reduce(
        (x, level) => {
          const y = level.apply(x);
          return level.resample?.apply(upsampleNearest(y)) ?? y;
        },
        this.#middle.apply(this.#input.apply(map)),
      );
      return this.#output.apply(activate(this.#norm.apply(features), 'silu'));
    });
  }
}
