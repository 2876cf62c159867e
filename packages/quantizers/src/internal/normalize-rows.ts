import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';

/**
 * Squared length below which a row counts as this long: 1e-12 squared, as in PyTorch's
 * `F.normalize`.
 */
const minimumSquaredLength = 1e-24;

/** Returns the rows at length 1. */
export function normalizeRows<T extends Tensor>(x: T): T {
  return tf.mul(x, tf.rsqrt(tf.maximum(tf.sum(tf.square(x), -1, true), minimumSquaredLength)));
}
