import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { composite, ConfigError } from '@vitvq/core';
import { differentiable } from './internal/differentiable.js';

/**
 * Name of an activation: `gelu` is exact, x Φ(x) computed with erf, `gelu-tanh` its approximation
 * (Hendrycks and Gimpel 2016), `squared-relu` is relu(x)^2 (So et al. 2021), and `silu` is
 * x · sigmoid(x).
 */
export type Activation = (typeof activationNames)[number];

/** Every {@link Activation}, for schemas of configs. */
export const activationNames = ['tanh', 'gelu', 'gelu-tanh', 'relu', 'squared-relu', 'silu'] as const;

const cubic = 0.044715;
const sqrtTwoOverPi = Math.sqrt(2 / Math.PI);

/** Returns tanh(sqrt(2/pi) (x + 0.044715 x^3)), which approximates erf(x / sqrt 2). */
function approximateErf(x: Tensor): Tensor {
  return tf.tanh(tf.mul(tf.mul(x, tf.add(tf.mul(tf.square(x), cubic), 1)), sqrtTwoOverPi));
}

/** Returns erf(x / sqrt 2), which is 2 Φ(x) - 1 with Φ the distribution function of N(0, 1). */
function exactErf(x: Tensor): Tensor {
  return tf.erf(tf.mul(x, Math.SQRT1_2));
}

function geluForward(approximate: boolean) {
  return (x: Tensor): Tensor[] => {
    const erf = approximate ? approximateErf(x) : exactErf(x);
    return [tf.mul(tf.mul(x, 0.5), tf.add(erf, 1))];
  };
}

function geluBackward(approximate: boolean) {
  return (dy: Tensor, x: Tensor): Tensor[] => {
    const erf = approximate ? approximateErf(x) : exactErf(x);
    // Derivative of erf(x / sqrt 2) or of its approximation.
    const slope = approximate
      ? tf.mul(tf.sub(1, tf.square(erf)), tf.mul(tf.add(tf.mul(tf.square(x), 3 * cubic), 1), sqrtTwoOverPi))
      : tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), sqrtTwoOverPi);
    return [tf.mul(tf.mul(dy, 0.5), tf.add(tf.add(erf, 1), tf.mul(x, slope)))];
  };
}

/**
 * Applies GELU through the composites `gelu` and `gelu_grad`, or `gelu_tanh` and `gelu_tanh_grad`.
 * First-order gradients only.
 */
function gelu(x: Tensor, approximate: boolean): Tensor {
  const name = approximate ? 'gelu_tanh' : 'gelu';
  return differentiable(
    [x],
    (input) => ({ value: composite(name, {}, [input], geluForward(approximate))[0]!, saved: [input] }),
    (dy, saved) => composite(`${name}_grad`, {}, [dy, ...saved], geluBackward(approximate)),
  );
}

const activations: Record<Activation, (x: Tensor) => Tensor> = {
  tanh: (x) => tf.tanh(x),
  gelu: (x) => gelu(x, false),
  'gelu-tanh': (x) => gelu(x, true),
  relu: (x) => tf.relu(x),
  'squared-relu': (x) => tf.square(tf.relu(x)),
  silu: (x) => tf.mul(x, tf.sigmoid(x)),
};

/** Checks that `activation` is one of the names. @throws {ConfigError} for another name */
export function assertActivation(activation: string, where: string): asserts activation is Activation {
  if (!Object.hasOwn(activations, activation)) {
    throw new ConfigError({
      where,
      expected: `activation to be one of ${activationNames.join(', ')}`,
      got: `"${activation}"`,
    });
  }
}

/** Applies the activation elementwise. */
export function activate<T extends Tensor>(x: T, activation: Activation): T {
  return tf.tidy(() => activations[activation](x) as T);
}
