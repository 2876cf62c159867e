import * as tf from '@tensorflow/tfjs-core';

const LARGEST_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;

/**
 * Returns whether a scalar is neither NaN nor infinite. The test is a comparison, because engines
 * that compile have no kernel for `isFinite`.
 */
export function isFiniteScalar(x: tf.Scalar): tf.Scalar {
  return tf.lessEqual<tf.Scalar>(tf.abs(x), LARGEST_FLOAT32);
}

/**
 * Returns `updated` where the condition holds and `previous` bit for bit where it does not, also if
 * `updated` is NaN: the tensor is chosen, not multiplied by 0.
 * @param condition  a boolean scalar
 */
export function choose<T extends tf.Tensor>(condition: tf.Scalar, updated: T, previous: tf.Tensor): T {
  return tf.where(tf.broadcastTo(condition, updated.shape), updated, previous) as T;
}
