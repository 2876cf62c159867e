import type { Tensor } from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';
import { activate, type Activation } from './activations.js';

/** `squared-relu` is relu(x)^2 (So et al. 2021), `gelu` the exact one, x Φ(x). */
export type FeedForwardActivation = Extract<Activation, 'squared-relu' | 'gelu'>;

const names: readonly FeedForwardActivation[] = ['squared-relu', 'gelu'];

/** The function of a name. @throws {ConfigError} for another name */
export function activationNamed(name: FeedForwardActivation, where: string): (x: Tensor) => Tensor {
  if (!names.includes(name)) {
    throw new ConfigError({
      where,
      expected: `activation to be one of ${names.join(', ')}`,
      got: `"${String(name)}"`,
    });
  }
  return (x) => activate(x, name);
}
