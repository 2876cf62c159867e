import * as tf from '@tensorflow/tfjs-core';

const LARGEST_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;

/** Whether a scalar is neither NaN nor infinite, by comparison: engines that compile have no kernel of that name. */
export function isFiniteScalar(x: tf.Scalar): tf.Scalar {
  return tf.lessEqual<tf.Scalar>(tf.abs(x), LARGEST_FLOAT32);
}

/**
 * `updated` where the condition holds and `previous` bit for bit where it does not, also if `updated` is NaN then: a
 * choice, not a product with 0.
 * @param condition  a boolean scalar
 */
export function choose<T extends tf.Tensor>(condition: tf.Scalar, updated: T, previous: tf.Tensor): T {
  return tf.where(tf.broadcastTo(condition, updated.shape), updated, previous) as T;
}
