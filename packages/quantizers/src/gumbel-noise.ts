import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';

/**
 * Returns standard Gumbel noise, -log(-log(u)), of numbers that are uniform in [0, 1). Numbers
 * within 2^-25 of 0 and 2^-24 of 1 count as that far off, so that the noise is finite.
 */
export function gumbelNoise<T extends Tensor>(uniform: T): T {
  return tf.tidy(() => tf.neg(tf.log(tf.neg(tf.log(tf.clipByValue(uniform, 2 ** -25, 1 - 2 ** -24))))));
}
