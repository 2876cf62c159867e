import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D } from '@tensorflow/tfjs-core';

/** Returns -Σ p ln p; probabilities that underflowed count as 0. */
export function entropy(probabilities: Tensor1D): Scalar {
  return tf.neg(tf.sum(tf.mul(probabilities, tf.log(tf.maximum(probabilities, 1e-30)))));
}
