import * as tf from '@tensorflow/tfjs-core';
import { assertInRange, checkOptions, type OptionTable } from '@vitvq/core';
import { applyGradients, type Optimizer } from '@vitvq/optim';
import { keepUnlessFinite } from './keep-unless-finite.js';
import { withLossScale, type LossScaler } from './loss-scaler.js';

/** Values of a loss function, and a gradient for each variable by dotted name. */
export interface LossGradients {
  /** Scalars by name. */
  readonly values: Readonly<Record<string, tf.Scalar>>;
  readonly gradients: ReadonlyMap<string, tf.Tensor>;
}

/** Options of {@link gradientStep}. */
export interface GradientStepOptions {
  /** Optimizer over the variables that the gradients belong to, by the same names. */
  readonly optimizer: Optimizer;
  /** Longest gradient, by norm over all variables together; null: no limit. @default null */
  readonly clipNorm?: number | null;
  /**
   * Variables that the gradient function assigns as well, such as usage counts and running
   * statistics; they keep their values where a step fails.
   */
  readonly state?: Iterable<tf.Variable>;
  /** Scales losses for gradients in float16, and learns from each step. @default none */
  readonly scaler?: LossScaler | undefined;
}

const gradientStepOptionNames: OptionTable<GradientStepOptions> = {
  optimizer: 'required',
  clipNorm: 'optional',
  state: 'optional',
  scaler: 'optional',
};

// A type, not an interface: only types fit the named tensors of tf.tidy.
/** Tensors of one step, which the caller disposes of. */
export type GradientStepResult = {
  /**
   * Values of the gradient function, and `gradientNorm` over all variables together, before
   * clipping.
   */
  readonly values: Record<string, tf.Scalar>;
  /** `[V]`: norm of each gradient before clipping, in the order of the gradients. */
  readonly gradientNorms: tf.Tensor1D;
};

/**
 * Returns one training step as plain tensor code, which compiles: gradients, clipping, update.
 * Where a value or a gradient is NaN or infinite, variables, optimizer and state stay as they are.
 * With a scaler, `lossScale` of the step is among the values.
 * @param gradientsOf  plain tensor code
 * @throws {ConfigError} unless `clipNorm` is positive or null
 */
export function gradientStep<Inputs extends readonly unknown[]>(
  gradientsOf: (...inputs: Inputs) => LossGradients,
  options: GradientStepOptions,
): (learningRate: tf.Scalar, ...inputs: Inputs) => GradientStepResult {
  const {
    optimizer,
    clipNorm = null,
    state = [],
    scaler,
  } = checkOptions(options, gradientStepOptionNames, 'gradientStep', { allowOthers: true });
  if (clipNorm !== null) assertInRange(clipNorm, 'clipNorm', 'gradientStep', Number.MIN_VALUE);
  const kept = [...state];
  const update = (learningRate: tf.Scalar, inputs: Inputs): GradientStepResult & { finite: tf.Scalar } => {
    let sum: tf.Scalar;
    const result = keepUnlessFinite(kept, () => {
      const { values, gradients } = withLossScale(scaler?.scale, () => gradientsOf(...inputs));
      const total = sumOf(values);
      const { gradientNorm, gradientNorms } = applyGradients({ optimizer, clipNorm }, gradients, learningRate, {
        alsoFinite: total,
      });
      sum = tf.add<tf.Scalar>(total, gradientNorm);
      return { result: { values: { ...values, gradientNorm }, gradientNorms }, finite: sum };
    });
    return { ...result, finite: sum! };
  };
  return (learningRate, ...inputs) =>
    tf.tidy(() => {
      const { values, gradientNorms, finite } = update(learningRate, inputs);
      if (!scaler) return { values, gradientNorms };
      const lossScale = tf.clone(scaler.scale);
      scaler.update(finite);
      return { values: { ...values, lossScale }, gradientNorms };
    });
}

/** Returns a sum that is not finite where any of the values is not. */
function sumOf(values: Readonly<Record<string, tf.Scalar>>): tf.Scalar {
  return Object.values(values).reduce((sum, value) => tf.add<tf.Scalar>(sum, value));
}
