import * as tf from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';

/** Checks that `beta` is in [0, 1). @throws {ConfigError} */
export function assertBeta(beta: number, name: string, where: string): void {
  if (!(beta >= 0 && beta < 1)) {
    throw new ConfigError({ where, expected: `${name} to be a number within [0, 1)`, got: String(beta) });
  }
}

/**
 * Returns `1 - beta^t` without the cancellation that costs float32 half its digits when beta is
 * near 1 and t small: with `u = tanh(-t log(beta) / 2)` the value is `2 u / (1 + u)`.
 */
export function biasCorrection(beta: number, step: tf.Scalar): tf.Scalar {
  if (beta === 0) return tf.scalar(1);
  const u = tf.tanh(tf.mul(step, -Math.log(beta) / 2));
  return tf.div(tf.mul(u, 2), tf.add(u, 1));
}
