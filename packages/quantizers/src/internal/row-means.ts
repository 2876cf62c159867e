import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

/** Returns the sum of weights, 1 for none: what a sum over rows is divided by. */
export function countRows(weights: Tensor1D): Scalar {
  return tf.maximum(tf.sum<Scalar>(weights), 1);
}

/**
 * Returns the mean of `values` `[rows]` or `[rows, columns]`.
 * @param weights  1, or 0 for a row that does not count, `[rows]`; undefined: all count
 */
export function meanOf(values: Tensor1D | Tensor2D, weights?: Tensor1D): Scalar {
  if (!weights) return tf.mean(values);
  const perRow: Tensor = values.rank === 1 ? values : tf.mean(values, 1);
  return tf.div<Scalar>(tf.sum(tf.mul(perRow, weights)), countRows(weights));
}

/** Returns the mean row of `values` `[rows, columns]`, `[columns]`; `weights` as in `meanOf`. */
export function meanRow(values: Tensor2D, weights?: Tensor1D): Tensor1D {
  if (!weights) return tf.mean(values, 0);
  return tf.div(tf.sum<Tensor1D>(tf.mul(values, tf.expandDims(weights, 1)), 0), countRows(weights));
}
