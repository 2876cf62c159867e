import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D } from '@tensorflow/tfjs-core';

/** Returns how many uniform numbers {@link normalNoise} takes for a row of `count`. */
export function uniformCount(count: number): number {
  return 2 * Math.ceil(count / 2);
}

/**
 * Returns standard normal noise `[rows, count]` of uniform numbers in [0, 1) `[rows, uniformCount]`
 * (Box and Muller, 1958): the first half of a row makes radii, the second one angles.
 */
export function normalNoise(uniform: Tensor2D, count: number): Tensor2D {
  const [first, second] = tf.split<Tensor2D>(uniform, 2, 1) as [Tensor2D, Tensor2D];
  // 1 - u is never 0.
  const radii = tf.sqrt(tf.mul(tf.log(tf.sub(1, first)), -2));
  const angles = tf.mul(second, 2 * Math.PI);
  const pairs = tf.concat<Tensor2D>([tf.mul(radii, tf.cos(angles)), tf.mul(radii, tf.sin(angles))], 1);
  return tf.slice(pairs, [0, 0], [-1, count]);
}
