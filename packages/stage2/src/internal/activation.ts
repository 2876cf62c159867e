import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';

/** `squared-relu` is relu(x)^2 (So et al. 2021), `gelu` the exact one, x Φ(x). */
export type FeedForwardActivation = 'squared-relu' | 'gelu';

const activations: Record<FeedForwardActivation, (x: Tensor) => Tensor> = {
  'squared-relu': (x) => tf.square(tf.relu(x)),
  gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1)),
};

/** The function of a name. @throws {ConfigError} for another name */
export function activationNamed(name: FeedForwardActivation, where: string): (x: Tensor) => Tensor {
  if (!Object.hasOwn(activations, name)) {
    throw new ConfigError({
      where,
      expected: `activation to be one of ${Object.keys(activations).join(', ')}`,
      got: `"${String(name)}"`,
    });
  }
  return activations[name];
}
