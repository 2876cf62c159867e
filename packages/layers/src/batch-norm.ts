import * as tf from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  checkOptions,
  constantInitializer,
  detach,
  Module,
  normalInitializer,
  sameWeight,
} from '@vitvq/core';
import type { ReferenceWeight } from '@vitvq/core';
import { biasCorrection, channelMoments, type ChannelMoments } from './internal/channel-moments.js';
import { normalizationOptionNames, type NormalizationOptions, type NormalizeOptions } from './normalization-options.js';

const momentum = 0.1;
const varianceEpsilon = 1e-5;

/**
 * Batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) with PyTorch's defaults: momentum
 * 0.1, epsilon 1e-5, unbiased running variance. Scales start at N(1, 0.02^2), as in pix2pix.
 *
 * Variables: `weight` `[C]` and `bias` `[C]`; not trainable `runningMean` `[C]`, `runningVariance`
 * `[C]` and `batchesSeen`, an int32 scalar.
 */
export class BatchNorm extends Module {
  readonly features: number;
  readonly weight: tf.Variable<tf.Rank.R1>;
  readonly bias: tf.Variable<tf.Rank.R1>;
  readonly runningMean: tf.Variable<tf.Rank.R1>;
  readonly runningVariance: tf.Variable<tf.Rank.R1>;
  readonly batchesSeen: tf.Variable<tf.Rank.R0>;

  /** @throws {ConfigError} */
  constructor(options: NormalizationOptions) {
    super();
    const { features, key } = checkOptions(options, normalizationOptionNames, 'BatchNorm', { allowOthers: true });
    assertInteger(features, 'features', 'BatchNorm');
    this.features = features;
    const state = { trainable: false };
    this.weight = this.variable('weight', normalInitializer(0.02, 1)(key, [features]));
    this.bias = this.variable('bias', constantInitializer(0)(key, [features]));
    this.runningMean = this.variable('runningMean', constantInitializer(0)(key, [features]), state);
    this.runningVariance = this.variable('runningVariance', constantInitializer(1)(key, [features]), state);
    this.batchesSeen = this.variable('batchesSeen', { shape: [], data: new Int32Array(1) }, state);
  }

  /**
   * Normalises `[B, H, W, C]`: with `training` by the statistics of the batch, which also move the
   * running statistics, and otherwise by the running statistics.
   * @throws {ShapeError} when the input has other channels
   */
  apply(x: tf.Tensor4D, { training }: NormalizeOptions): tf.Tensor4D {
    assertShape(x, ['B', 'H', 'W', this.features], 'BatchNorm.apply');
    return tf.tidy(() => {
      const { centered, variance } = training
        ? this.#batchMoments(x)
        : { centered: tf.sub<tf.Tensor4D>(x, this.runningMean), variance: this.runningVariance };
      const deviation = tf.sqrt(tf.add(variance, varianceEpsilon));
      return tf.add(tf.mul(tf.div(centered, deviation), this.weight), this.bias);
    });
  }

  #batchMoments(x: tf.Tensor4D): ChannelMoments {
    const moments = channelMoments(x);
    const move = (running: tf.Variable<tf.Rank.R1>, now: tf.Tensor1D): void =>
      running.assign(tf.add(tf.mul(running, 1 - momentum), tf.mul(detach(now), momentum)));
    move(this.runningMean, moments.mean);
    move(this.runningVariance, tf.mul(detach(moments.variance), biasCorrection(x.shape)));
    this.batchesSeen.assign(tf.add(this.batchesSeen, tf.scalar(1, 'int32')));
    return moments;
  }
}

/** Returns the weights of an `nn.BatchNorm2d`. */
export function batchNormReferenceWeights(): ReferenceWeight[] {
  return [
    sameWeight('weight', 'weight'),
    sameWeight('bias', 'bias'),
    sameWeight('runningMean', 'running_mean'),
    sameWeight('runningVariance', 'running_var'),
    sameWeight('batchesSeen', 'num_batches_tracked'),
  ];
}
