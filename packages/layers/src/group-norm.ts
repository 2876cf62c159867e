import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D, Variable } from '@tensorflow/tfjs-core';
import {
  allocate,
  ConfigError,
  Module,
  assertInRange,
  assertInteger,
  assertShape,
  checkOptions,
  sameWeight,
  type OptionTable,
  type ReferenceWeight,
} from '@vitvq/core';

/** Options of {@link GroupNorm}. */
export interface GroupNormOptions {
  /** C, a multiple of `numGroups`. */
  readonly channels: number;
  /** Number of groups. @default 32, as in the paper */
  readonly numGroups?: number;
  /** Added to the variance. @default 1e-6, VQGAN's (PyTorch's is 1e-5) */
  readonly epsilon?: number;
}

const groupNormOptionNames: OptionTable<GroupNormOptions> = {
  channels: 'required',
  numGroups: 'optional',
  epsilon: 'optional',
};

/**
 * Group normalisation (Wu and He 2018, arXiv:1803.08494): in every image, neighbouring channels are
 * normalised together, over all pixels. Variables: `scale` and `bias`, `[C]`. Plain tensor code,
 * with gradients of any order. Images keep their four axes on the way: pixels in one row would be
 * transposed before and behind every norm where an engine convolves `[B, C, H, W]`.
 */
export class GroupNorm extends Module {
  readonly channels: number;
  readonly numGroups: number;
  readonly epsilon: number;
  readonly scale: Variable<tf.Rank.R1>;
  readonly bias: Variable<tf.Rank.R1>;

  /** @throws {ConfigError} */
  constructor(options: GroupNormOptions) {
    super();
    const {
      channels,
      numGroups = 32,
      epsilon = 1e-6,
    } = checkOptions(options, groupNormOptionNames, 'GroupNorm', { allowOthers: true });
    assertInteger(channels, 'channels', 'GroupNorm');
    assertInteger(numGroups, 'numGroups', 'GroupNorm');
    assertInRange(epsilon, 'epsilon', 'GroupNorm', 0);
    if (channels % numGroups !== 0) {
      throw new ConfigError({
        where: 'GroupNorm',
        expected: `channels to be a multiple of numGroups ${numGroups}`,
        got: String(channels),
      });
    }
    this.channels = channels;
    this.numGroups = numGroups;
    this.epsilon = epsilon;
    this.scale = this.variable('scale', {
      shape: [channels],
      data: allocate([channels], 'GroupNorm', (size) => new Float32Array(size).fill(1)),
    });
    this.bias = this.variable('bias', {
      shape: [channels],
      data: allocate([channels], 'GroupNorm', (size) => new Float32Array(size)),
    });
  }

  /** Normalises `[B, H, W, C]`. @throws {ShapeError} when the input has other channels */
  apply(x: Tensor4D): Tensor4D {
    assertShape(x, ['B', 'H', 'W', this.channels], 'GroupNorm.apply');
    return tf.tidy(() => {
      const centered = tf.sub<Tensor4D>(x, this.#groupMeans(x));
      const variance = this.#groupMeans(tf.square(centered));
      const normalized = tf.mul(centered, tf.rsqrt(tf.add(variance, this.epsilon)));
      return tf.add<Tensor4D>(tf.mul(normalized, this.scale), this.bias);
    });
  }

  /**
   * Returns for every channel of `[B, H, W, C]` the mean of its group, `[B, 1, 1, C]`. The mean
   * over the pixels comes first, which leaves little to regroup.
   */
  #groupMeans(x: Tensor4D): Tensor4D {
    const groupSize = this.channels / this.numGroups;
    const groups = tf.reshape(tf.mean(x, [1, 2]), [-1, this.numGroups, groupSize]);
    // [B, groups, C / groups]
    const means = tf.mul(tf.mean(groups, 2, true), tf.ones([1, 1, groupSize]));
    return tf.reshape<tf.Rank.R4>(means, [-1, 1, 1, this.channels]);
  }
}

/** Returns the weights of an `nn.GroupNorm`. */
export function groupNormReferenceWeights(): ReferenceWeight[] {
  return [sameWeight('scale', 'weight'), sameWeight('bias', 'bias')];
}
