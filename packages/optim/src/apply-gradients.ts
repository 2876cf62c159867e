import * as tf from '@tensorflow/tfjs-core';
import { assertShape, checkOptions, ConfigError, type OptionTable } from '@vitvq/core';
import { clipScale } from './clipping.js';
import { choose, isFiniteScalar } from './internal/finite.js';
import type { Optimizer } from './optimizer.js';

// A type and not an interface: tf.tidy returns types of named tensors only.
/** Norms of the gradients of one step, before clipping. */
export type GradientNorms = {
  /** Norm over all gradients together. */
  readonly gradientNorm: tf.Scalar;
  /** `[V]`: norm of each gradient, in the order of the map. */
  readonly gradientNorms: tf.Tensor1D;
};

/** What {@link applyGradients} updates with. */
export interface ApplyGradientsUpdate {
  readonly optimizer: Optimizer;
  /** Largest norm over all gradients together; null: no limit. @default null */
  readonly clipNorm?: number | null;
}

const updateNames: OptionTable<ApplyGradientsUpdate> = { optimizer: 'required', clipNorm: 'optional' };

/** Options of {@link applyGradients}. */
export interface ApplyGradientsOptions {
  /**
   * Scalar for which the update is also skipped where it is NaN or infinite: a loss, whose
   * gradients may still be finite.
   */
  readonly alsoFinite?: tf.Scalar;
}

const optionNames: OptionTable<ApplyGradientsOptions> = { alsoFinite: 'optional' };

/**
 * Ends a training step: computes the norms, clips by the norm over all gradients
 * (`torch.nn.utils.clip_grad_norm_`) and updates. Plain tensor code without read-backs or decisions
 * on the host, which compiles.
 *
 * Where the norm is NaN or infinite, the update is skipped, and variables and state of the
 * optimizer stay as they are. A caller that reads the norm can stop with the last good weights in
 * place, or go on and count.
 * @param gradients  one for each variable of the optimizer, by name; not disposed of
 * @param learningRate  scalar tensor, from a schedule
 * @throws {ConfigError} without gradients, or unless `clipNorm` is positive
 * @throws {ShapeError} for gradients that do not fit
 * Ownership: the caller disposes of both results.
 */
export function applyGradients(
  update: ApplyGradientsUpdate,
  gradients: ReadonlyMap<string, tf.Tensor>,
  learningRate: tf.Scalar,
  options: ApplyGradientsOptions = {},
): GradientNorms {
  const where = 'applyGradients';
  const { optimizer, clipNorm = null } = checkOptions(update, updateNames, where, { allowOthers: true });
  const { alsoFinite } = checkOptions(options, optionNames, where);
  if (gradients.size === 0) {
    throw new ConfigError({ where, expected: 'a gradient for each variable', got: 'none' });
  }
  return tf.tidy(() => {
    const squares = tf.stack([...gradients.values()].map((gradient) => tf.sum(tf.square(gradient))));
    const gradientNorm = tf.sqrt<tf.Scalar>(tf.sum(squares));
    let gradientScale = clipScale(gradientNorm, clipNorm ?? Infinity);
    if (alsoFinite) {
      assertShape(alsoFinite, [], where, 'Give alsoFinite as a scalar tensor.');
      gradientScale = choose(isFiniteScalar(alsoFinite), gradientScale, tf.scalar(NaN));
    }
    optimizer.apply(gradients, learningRate, { gradientScale });
    return { gradientNorm, gradientNorms: tf.sqrt<tf.Tensor1D>(squares as tf.Tensor1D) };
  });
}
