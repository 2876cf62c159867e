import * as tf from '@tensorflow/tfjs-core';
import { assertInRange } from '@vitvq/core';
import { applyGradients, type Optimizer } from '@vitvq/optim';
import type { Stage1Controls } from '../loss.js';
import type { GradientsWithValues } from './gradients-with-values.js';

export interface StepUpdate {
  /** Over the variables that the step moves, by the names that their module gives them. */
  readonly optimizer: Optimizer;
  /** Longest gradient, by norm over all variables together; null: no limit. @default null */
  readonly clipNorm?: number | null;
}

// A type, not an interface: only those fit the named tensors of tf.tidy.
export type StepResult = {
  /** With `gradientNorm`, over all variables together, before clipping. */
  readonly values: Record<string, tf.Scalar>;
  /** `[V]`: norm a variable, before clipping. */
  readonly gradientNorms: tf.Tensor1D;
};

export type Step = (images: tf.Tensor4D, learningRate: tf.Scalar, controls?: Stage1Controls) => StepResult;

/** Gradients, clipping, update. @throws {ConfigError} unless `clipNorm` is positive or null */
export function createStep(
  gradientsOf: (images: tf.Tensor4D, controls?: Stage1Controls) => GradientsWithValues,
  { optimizer, clipNorm = null }: StepUpdate,
  where: string,
): Step {
  if (clipNorm !== null) assertInRange(clipNorm, 'clipNorm', where, Number.MIN_VALUE);
  return (images, learningRate, controls) =>
    tf.tidy(() => {
      const { values, gradients } = gradientsOf(images, controls);
      const { gradientNorm, gradientNorms } = applyGradients({ optimizer, clipNorm }, gradients, learningRate);
      return { values: { ...values, gradientNorm }, gradientNorms };
    });
}
