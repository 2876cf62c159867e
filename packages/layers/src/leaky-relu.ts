import * as tf from '@tensorflow/tfjs-core';
import { detach } from '@vitvq/core';

/**
 * Returns `max(x, slope · x)`, times `scale`. Unlike `tf.leakyRelu` the function can be
 * differentiated any number of times with the gradients of TensorFlow.js alone: to the gradient the
 * slope at each value is a constant.
 */
export function leakyRelu<T extends tf.Tensor>(x: T, slope = 0.2, scale = 1): T {
  return tf.tidy(() => {
    const slopes = tf.step(detach(x), slope);
    return tf.mul<T>(x, scale === 1 ? slopes : tf.mul(slopes, scale));
  });
}

/**
 * Returns `leakyRelu(x + bias) · sqrt(2)` over the last axis, which StyleGAN2's fused kernel
 * computes (arXiv:1912.04958). The factor roughly keeps the variance of normally distributed
 * values.
 * @param x  `[..., C]`
 * @param bias  `[C]`, or none
 */
export function fusedLeakyRelu<T extends tf.Tensor>(x: T, bias?: tf.Tensor1D): T {
  return tf.tidy(() => leakyRelu<T>(bias ? tf.add(x, bias) : x, 0.2, Math.SQRT2));
}
