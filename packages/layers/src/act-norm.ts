import * as tf from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  channelWeight,
  checkOptions,
  constantInitializer,
  detach,
  Module,
  sameWeight,
} from '@vitvq/core';
import type { ReferenceWeight } from '@vitvq/core';
import { biasCorrection, channelMoments } from './internal/channel-moments.js';
import { normalizationOptionNames, type NormalizationOptions, type NormalizeOptions } from './normalization-options.js';

/**
 * Computes `scale · (x + loc)` for each channel. The first training batch sets both so that it
 * comes out with mean 0 and variance 1 (Glow, Kingma & Dhariwal 2018, arXiv:1807.03039, sec. 3.1);
 * from then on they are ordinary weights. A batch with NaN or infinite values does not set them.
 *
 * Variables: `loc` `[C]` and `scale` `[C]`; not trainable `initialized`, an int32 scalar that is 1
 * once the first batch was seen. This variable and not the program decides which batch is the
 * first, so that the code can be compiled.
 */
export class ActNorm extends Module {
  readonly features: number;
  readonly loc: tf.Variable<tf.Rank.R1>;
  readonly scale: tf.Variable<tf.Rank.R1>;
  readonly initialized: tf.Variable<tf.Rank.R0>;

  /** @throws {ConfigError} */
  constructor(options: NormalizationOptions) {
    super();
    const { features, key } = checkOptions(options, normalizationOptionNames, 'ActNorm', { allowOthers: true });
    assertInteger(features, 'features', 'ActNorm');
    this.features = features;
    this.loc = this.variable('loc', constantInitializer(0)(key, [features]));
    this.scale = this.variable('scale', constantInitializer(1)(key, [features]));
    this.initialized = this.variable('initialized', { shape: [], data: new Int32Array(1) }, { trainable: false });
  }

  /**
   * Scales `[B, H, W, C]`; the first call with `training` sets `loc` and `scale` before it uses
   * them.
   * @throws {ShapeError} when the input has other channels
   */
  apply(x: tf.Tensor4D, { training }: NormalizeOptions): tf.Tensor4D {
    assertShape(x, ['B', 'H', 'W', this.features], 'ActNorm.apply');
    return tf.tidy(() => {
      if (training) this.#initialize(detach(x));
      return tf.mul(tf.add(x, this.loc), this.scale);
    });
  }

  /** Returns the `x` of a `y = apply(x)`, both `[B, H, W, C]`. @throws {ShapeError} */
  invert(y: tf.Tensor4D): tf.Tensor4D {
    assertShape(y, ['B', 'H', 'W', this.features], 'ActNorm.invert');
    return tf.tidy(() => tf.sub(tf.div(y, this.scale), this.loc));
  }

  /**
   * Returns `ln |det d apply(x) / dx|` of an image `[H, W, C]`: `H · W · sum ln |scale|`, a scalar.
   */
  logDeterminant(height: number, width: number): tf.Scalar {
    return tf.tidy(() => tf.mul<tf.Scalar>(tf.sum(tf.log(tf.abs(this.scale))), height * width));
  }

  #initialize(x: tf.Tensor4D): void {
    const { mean, variance } = channelMoments(x);
    const deviation = tf.sqrt(tf.mul(variance, biasCorrection(x.shape)));
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

/** Returns the weights of the reference's `ActNorm`. */
export function actNormReferenceWeights(): ReferenceWeight[] {
  return [channelWeight('loc', 'loc'), channelWeight('scale', 'scale'), sameWeight('initialized', 'initialized')];
}
