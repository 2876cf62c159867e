import * as tf from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';

/** Value of a loss and its gradients. */
export interface NamedGradients {
  readonly value: tf.Scalar;
  /** Gradients by the names that were given. */
  readonly gradients: Map<string, tf.Tensor>;
}

/**
 * Returns the value of a loss and its gradients by dotted name, as `Optimizer.apply` takes them.
 * @param loss  reads the variables; called once
 * @throws {ConfigError} naming the variables that the loss does not depend on
 * Ownership: the caller disposes of value and gradients, or calls the function inside `tf.tidy`.
 */
export function namedGradients(loss: () => tf.Scalar, variables: ReadonlyMap<string, tf.Variable>): NamedGradients {
  const { value, grads } = tf.variableGrads(loss, [...variables.values()]);
  const gradients = new Map([...variables].map(([name, variable]) => [name, grads[variable.name]]));
  const unreached = [...gradients].filter(([, gradient]) => !gradient).map(([name]) => name);
  if (unreached.length) {
    tf.dispose([value, grads]);
    throw new ConfigError({
      where: 'namedGradients',
      expected: 'a loss that depends on every variable',
      got: `no gradient for ${unreached.join(', ')}`,
      fix: 'Leave them out, or use them.',
    });
  }
  return { value, gradients: gradients as Map<string, tf.Tensor> };
}
