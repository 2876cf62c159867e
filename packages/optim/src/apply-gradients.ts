import * as tf from '@tensorflow/tfjs-core';
import { assertShape, ConfigError } from '@vitvq/core';
import { clipScale } from './clipping.js';
import { choose, isFiniteScalar } from './internal/finite.js';
import type { Optimizer } from './optimizer.js';

// A type, not an interface: only those fit the named tensors of tf.tidy.
export type GradientNorms = {
  /** Norm over all gradients together, before clipping. */
  readonly gradientNorm: tf.Scalar;
  /** `[V]`: norm of each gradient, in the order of the map, before clipping. */
  readonly gradientNorms: tf.Tensor1D;
};

/**
 * The end of a training step: norms, clipping by the norm over all gradients (`torch.nn.utils.clip_grad_norm_`), update. It
 * is plain tfjs code without read-backs or decisions on the host, so it compiles.
 *
 * Where the norm is NaN or infinite, the update is skipped, and variables and state of the optimizer stay as they are: who
 * reads the norm can stop with the last good weights in place, or go on and count.
 * @param gradients  one for each variable of the optimizer, by name; not disposed of
 * @param learningRate  scalar tensor, from a schedule
 * @throws {ConfigError} without gradients, or unless `clipNorm` is positive
 * @throws {ShapeError} for gradients that do not fit
 * Ownership: the caller disposes of both results.
 */
export function applyGradients(
  {
    optimizer,
    clipNorm = null,
  }: {
    readonly optimizer: Optimizer;
    /** Longest gradient, by norm over all variables together; null: no limit. @default null */
    readonly clipNorm?: number | null;
  },
  gradients: ReadonlyMap<string, tf.Tensor>,
  learningRate: tf.Scalar,
  {
    alsoFinite,
  }: {
    /** The update is also skipped where this scalar is NaN or infinite; a loss, whose gradients may still be finite. */
    readonly alsoFinite?: tf.Scalar;
  } = {},
): GradientNorms {
  if (gradients.size === 0) {
    throw new ConfigError({ where: 'applyGradients', expected: 'a gradient for each variable', got: 'none' });
  }
  return tf.tidy(() => {
    const squares = tf.stack([...gradients.values()].map((gradient) => tf.sum(tf.square(gradient))));
    const gradientNorm = tf.sqrt<tf.Scalar>(tf.sum(squares));
    let gradientScale = clipScale(gradientNorm, clipNorm ?? Infinity);
    if (alsoFinite) {
      assertShape(alsoFinite, [], 'applyGradients', 'Give alsoFinite as a scalar tensor.');
      gradientScale = choose(isFiniteScalar(alsoFinite), gradientScale, tf.scalar(NaN));
    }
    optimizer.apply(gradients, learningRate, { gradientScale });
    return { gradientNorm, gradientNorms: tf.sqrt<tf.Tensor1D>(squares as tf.Tensor1D) };
  });
}
