import * as tf from '@tensorflow/tfjs-core';

/** Mean and variance of each channel, and what remains of the images without the mean. */
export interface ChannelMoments {
  /** `[C]`. */
  readonly mean: tf.Tensor1D;
  /** `[C]`, biased. */
  readonly variance: tf.Tensor1D;
  /** `[B, H, W, C]`. */
  readonly centered: tf.Tensor4D;
}

/** Returns the moments over batch and positions of `[B, H, W, C]`; differentiable twice. */
export function channelMoments(x: tf.Tensor4D): ChannelMoments {
  const mean = tf.mean<tf.Tensor1D>(x, [0, 1, 2]);
  const centered = tf.sub<tf.Tensor4D>(x, mean);
  return { mean, variance: tf.mean<tf.Tensor1D>(tf.square(centered), [0, 1, 2]), centered };
}

/**
 * Returns the factor from the variance of a batch of this shape to its unbiased estimate; 1 for a
 * single value, which has none.
 */
export function biasCorrection([batch, height, width]: readonly [number, number, number, number]): number {
  const count = batch * height * width;
  return count / Math.max(count - 1, 1);
}
