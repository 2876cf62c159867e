import { allocate } from './allocate.js';
import { ConfigError } from './errors.js';
import { elementCount } from './host-arrays.js';
import type { HostTensor } from './module.js';
import { randomUniform } from './random-draws.js';
import type { RandomKey } from './random-key.js';
import { randomNormal } from './random-normal.js';

/**
 * Computes the initial values of a variable; a pure function of its arguments. Return zeros for a
 * key of `skipInitialization` where drawing would take time; the initializers of this package do.
 */
export type Initializer = (key: RandomKey, shape: readonly number[]) => HostTensor;

/** Sets every element to `value`. */
export function constantInitializer(value: number): Initializer {
  return (key, shape) => {
    key[2]?.takeVariable(shape);
    return { shape, data: allocate(shape, 'constantInitializer', (size) => new Float32Array(size).fill(value)) };
  };
}

/** Draws from U[-bound, bound). */
export function uniformInitializer(bound: number): Initializer {
  return drawn((key, size) => randomUniform(key, size, -bound, bound));
}

/** Draws from N(mean, stddev^2). */
export function normalInitializer(stddev = 1, mean = 0): Initializer {
  return drawn((key, size) => randomNormal(key, size, mean, stddev));
}

/**
 * Draws from U[-b, b) with b = sqrt(6 / (fanIn + fanOut)) (Xavier; Glorot & Bengio 2010) for a
 * weight `[..., out]`, whose other axes make up fanIn.
 * @throws {ConfigError} for a shape with fewer than two axes
 */
export const xavierUniformInitializer: Initializer = (key, shape) => {
  const { fanIn, fanOut } = fans(shape, 'xavierUniformInitializer');
  return uniformInitializer(Math.sqrt(6 / (fanIn + fanOut)))(key, shape);
};

/**
 * Draws from U[-b, b) with b = 1 / sqrt(fanIn), PyTorch's default for the weight and bias of
 * `nn.Linear`.
 * @throws {ConfigError} unless fanIn is positive
 */
export function torchLinearInitializer(fanIn: number): Initializer {
  if (!(fanIn > 0)) {
    throw new ConfigError({ where: 'torchLinearInitializer', expected: 'fanIn to be positive', got: String(fanIn) });
  }
  return uniformInitializer(1 / Math.sqrt(fanIn));
}

function drawn(draw: (key: RandomKey, size: number) => Float32Array): Initializer {
  return (key, shape) => {
    key[2]?.takeVariable(shape);
    const data = allocate(shape, 'initializer', (size) => (key[2] ? new Float32Array(size) : draw(key, size)));
    return { shape, data };
  };
}

function fans(shape: readonly number[], where: string): { fanIn: number; fanOut: number } {
  if (shape.length < 2) {
    throw new ConfigError({ where, expected: 'a weight of two or more axes', got: `shape [${shape.join(', ')}]` });
  }
  return { fanIn: elementCount(shape.slice(0, -1)), fanOut: shape.at(-1)! };
}
