import * as tf from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  channelWeight,
  constantInitializer,
  detach,
  Module,
  normalInitializer,
  sameWeight,
  type RandomKey,
  type ReferenceWeight,
} from '@vitvq/core';

export interface NormalizationOptions {
  /** Channels of the feature maps. */
  readonly features: number;
  readonly key: RandomKey;
}

export interface NormalizeOptions {
  /** Whether the pass is one of training: batch statistics for `BatchNorm`, the first of which start an `ActNorm`. */
  readonly training: boolean;
}

/** Per-channel mean and variance over batch and positions, `[C]`, differentiable twice. */
function moments(x: tf.Tensor4D): { mean: tf.Tensor1D; variance: tf.Tensor1D; centred: tf.Tensor4D } {
  const mean = tf.mean<tf.Tensor1D>(x, [0, 1, 2]);
  const centred = tf.sub<tf.Tensor4D>(x, mean);
  return { mean, variance: tf.mean<tf.Tensor1D>(tf.square(centred), [0, 1, 2]), centred };
}

/** Factor from the variance to its unbiased estimate; 1 for a single value, which has none. */
function unbias([batch, height, width]: readonly [number, number, number, number]): number {
  const count = batch * height * width;
  return count / Math.max(count - 1, 1);
}

const momentum = 0.1;
const varianceEpsilon = 1e-5;

/**
 * Batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) with PyTorch's defaults: momentum 0.1, epsilon 1e-5, running
 * variance unbiased. Scales start at N(1, 0.02^2), as in pix2pix.
 *
 * Variables: `weight` `[C]`, `bias` `[C]`; not trainable `runningMean` `[C]`, `runningVariance` `[C]` and `batchesSeen`, int32.
 */
export class BatchNorm extends Module {
  readonly features: number;
  readonly weight: tf.Variable<tf.Rank.R1>;
  readonly bias: tf.Variable<tf.Rank.R1>;
  readonly runningMean: tf.Variable<tf.Rank.R1>;
  readonly runningVariance: tf.Variable<tf.Rank.R1>;
  readonly batchesSeen: tf.Variable<tf.Rank.R0>;

  /** @throws {ConfigError} */
  constructor({ features, key }: NormalizationOptions) {
    super();
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
   * `[B, H, W, C]`, normalised by the statistics of the batch, which move the running ones, or without `training` by the
   * running ones.
   * @throws {ShapeError}
   */
  apply(x: tf.Tensor4D, { training }: NormalizeOptions): tf.Tensor4D {
    assertShape(x, ['B', 'H', 'W', this.features], 'BatchNorm.apply');
    return tf.tidy(() => {
      const { centred, variance } = training
        ? this.#batchMoments(x)
        : { centred: tf.sub<tf.Tensor4D>(x, this.runningMean), variance: this.runningVariance };
      const deviation = tf.sqrt(tf.add(variance, varianceEpsilon));
      return tf.add(tf.mul(tf.div(centred, deviation), this.weight), this.bias);
    });
  }

  #batchMoments(x: tf.Tensor4D): { variance: tf.Tensor1D; centred: tf.Tensor4D } {
    const { mean, variance, centred } = moments(x);
    const move = (running: tf.Variable<tf.Rank.R1>, now: tf.Tensor1D): void =>
      running.assign(tf.add(tf.mul(running, 1 - momentum), tf.mul(detach(now), momentum)));
    move(this.runningMean, mean);
    move(this.runningVariance, tf.mul(detach(variance), unbias(x.shape)));
    this.batchesSeen.assign(tf.add(this.batchesSeen, tf.scalar(1, 'int32')));
    return { variance, centred };
  }
}

/** Weights of an `nn.BatchNorm2d`. */
export function batchNormReferenceWeights(): ReferenceWeight[] {
  return [
    sameWeight('weight', 'weight'),
    sameWeight('bias', 'bias'),
    sameWeight('runningMean', 'running_mean'),
    sameWeight('runningVariance', 'running_var'),
    sameWeight('batchesSeen', 'num_batches_tracked'),
  ];
}

/**
 * `scale · (x + loc)` a channel, started so that the first training batch comes out with mean 0 and variance 1 (Glow, Kingma &
 * Dhariwal 2018, arXiv:1807.03039, sec. 3.1). From then on both are ordinary weights. A batch with NaN or infinite values does
 * not start it.
 *
 * Variables: `loc` `[C]`, `scale` `[C]`; not trainable `initialized`, int32, 1 once the first batch was seen. Which batch is
 * the first is decided by that variable, not by the program, so that the code can be compiled.
 */
export class ActNorm extends Module {
  readonly features: number;
  readonly loc: tf.Variable<tf.Rank.R1>;
  readonly scale: tf.Variable<tf.Rank.R1>;
  readonly initialized: tf.Variable<tf.Rank.R0>;

  /** @throws {ConfigError} */
  constructor({ features, key }: NormalizationOptions) {
    super();
    assertInteger(features, 'features', 'ActNorm');
    this.features = features;
    this.loc = this.variable('loc', constantInitializer(0)(key, [features]));
    this.scale = this.variable('scale', constantInitializer(1)(key, [features]));
    this.initialized = this.variable('initialized', { shape: [], data: new Int32Array(1) }, { trainable: false });
  }

  /** `[B, H, W, C]`; the first pass with `training` sets `loc` and `scale` before it uses them. @throws {ShapeError} */
  apply(x: tf.Tensor4D, { training }: NormalizeOptions): tf.Tensor4D {
    assertShape(x, ['B', 'H', 'W', this.features], 'ActNorm.apply');
    return tf.tidy(() => {
      if (training) this.#initialize(detach(x));
      return tf.mul(tf.add(x, this.loc), this.scale);
    });
  }

  /** The `x` of a `y = apply(x)`, both `[B, H, W, C]`. @throws {ShapeError} */
  invert(y: tf.Tensor4D): tf.Tensor4D {
    assertShape(y, ['B', 'H', 'W', this.features], 'ActNorm.invert');
    return tf.tidy(() => tf.sub(tf.div(y, this.scale), this.loc));
  }

  /** `ln |det d apply(x) / dx|` of each image `[H, W, C]`: `H · W · sum ln |scale|`, a scalar. */
  logDeterminant(height: number, width: number): tf.Scalar {
    return tf.tidy(() => tf.mul<tf.Scalar>(tf.sum(tf.log(tf.abs(this.scale))), height * width));
  }

  #initialize(x: tf.Tensor4D): void {
    const { mean, variance } = moments(x);
    const deviation = tf.sqrt(tf.mul(variance, unbias(x.shape)));
    const fresh = tf.equal(this.initialized, tf.scalar(0, 'int32'));
    const isFinite = tf.less(tf.abs(tf.sum(tf.add(mean, deviation))), Infinity);
    const starts = tf.logicalAnd(fresh, isFinite);
    const choose = (first: tf.Tensor1D, now: tf.Variable<tf.Rank.R1>): void => {
      now.assign(tf.where(tf.logicalAnd(starts, tf.ones([this.features], 'bool')), first, detach(now)));
    };
    choose(tf.neg(mean), this.loc);
    choose(tf.div(1, tf.add(deviation, 1e-6)), this.scale);
    this.initialized.assign(tf.maximum(this.initialized, tf.cast(isFinite, 'int32')));
  }
}

/** Weights of the reference's `ActNorm`. */
export function actNormReferenceWeights(): ReferenceWeight[] {
  return [channelWeight('loc', 'loc'), channelWeight('scale', 'scale'), sameWeight('initialized', 'initialized')];
}
