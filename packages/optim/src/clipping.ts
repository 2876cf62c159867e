import * as tf from '@tensorflow/tfjs-core';
import { assertShape, ConfigError } from '@vitvq/core';
import { choose, isFiniteScalar } from './internal/finite.js';

/**
 * Returns the L2 norm of all elements of all tensors together; 0 for no tensors. The caller
 * disposes of the result.
 */
export function globalNorm(tensors: Iterable<tf.Tensor>): tf.Scalar {
  return tf.tidy(() => {
    let total: tf.Tensor = tf.scalar(0);
    for (const tensor of tensors) total = tf.add(total, tf.sum(tf.square(tensor)));
    return tf.sqrt<tf.Scalar>(total as tf.Scalar);
  });
}

/**
 * Returns the factor that brings gradients of this norm down to `maximum`, 1 where they are below
 * it: `min(1, maximum / (norm + 1e-6))`, as `torch.nn.utils.clip_grad_norm_`. For a norm that is
 * NaN or infinite the factor is NaN: no factor repairs such gradients, and optimizers skip the
 * update. Give the factor to `Optimizer.apply` as `gradientScale`.
 * @throws {ConfigError} unless `maximum` is positive; infinity never clips
 * @throws {ShapeError} unless `norm` is a scalar
 */
export function clipScale(norm: tf.Scalar, maximum: number): tf.Scalar {
  if (!(maximum > 0)) {
    throw new ConfigError({ where: 'clipScale', expected: 'maximum to be positive', got: String(maximum) });
  }
  assertShape(norm, [], 'clipScale');
  return tf.tidy(() => {
    const scale = maximum === Infinity ? tf.scalar(1) : tf.minimum<tf.Scalar>(1, tf.div(maximum, tf.add(norm, 1e-6)));
    return choose(isFiniteScalar(norm), scale, tf.scalar(NaN));
  });
}
