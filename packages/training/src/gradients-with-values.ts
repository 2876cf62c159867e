import * as tf from '@tensorflow/tfjs-core';
import { namedGradients } from '@vitvq/optim';
import type { LossGradients } from './gradient-step.js';
import { scaledGradients } from './loss-scaler.js';

/**
 * Returns the gradients of `minimised` towards the variables, and other values of the same
 * computation.
 * @param fn  called once; `values` may be part of `minimised`
 * @throws {ConfigError} naming the variables that `minimised` does not depend on
 * Ownership: the caller disposes of values and gradients.
 */
export function gradientsWithValues(
  fn: () => { readonly minimised: tf.Scalar; readonly values: Record<string, tf.Scalar> },
  variables: ReadonlyMap<string, tf.Variable>,
): LossGradients {
  let kept: Record<string, tf.Scalar> = {};
  try {
    const { values, gradients } = tf.tidy(() => {
      const gradients = scaledGradients(
        (scaled) =>
          namedGradients(() => {
            const { minimised, values } = fn();
            // The scope of the gradients frees everything that the gradients do not need.
            kept = mapRecord(values, (value) => tf.keep(value));
            return scaled(minimised);
          }, variables).gradients,
      );
      return { values: mapRecord(kept, (value) => value.clone()), gradients: Object.fromEntries(gradients) };
    });
    return { values, gradients: new Map(Object.entries(gradients)) };
  } finally {
    tf.dispose(kept);
  }
}

function mapRecord<T, U>(record: Readonly<Record<string, T>>, fn: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, fn(value)]));
}
