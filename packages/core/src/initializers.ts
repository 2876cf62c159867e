import { ConfigError } from './errors.js';
import { assertTensorAffordable, withinBudget, type WeightsFile } from './model-budget.js';
import type { HostTensor } from './module.js';
import { randomUniform } from './random-draws.js';
import type { RandomKey } from './random-key.js';
import { randomNormal } from './random-normal.js';

/** Makes the first values of a variable; a pure function of its arguments. */
export type Initializer = (key: RandomKey, shape: readonly number[]) => HostTensor;

let draws = true;

/**
 * What `build` makes has zeros where random numbers would be drawn: for a model whose weights are about to be loaded, most of
 * whose time to build is spent on drawing.
 * @param weights  the file that they come from; whatever the model's config says, the model cannot be much larger. When building
 *   fails, the variables made so far are disposed of
 * @throws {ShapeError} naming the file, as soon as the model needs much more than it holds and before memory is taken for that
 */
export function withoutDrawing<T>(build: () => T, weights?: WeightsFile): T {
  const before = draws;
  draws = false;
  try {
    return weights ? withinBudget(weights, build) : build();
  } finally {
    draws = before;
  }
}

/** Every element `value`. */
export function constantInitializer(value: number): Initializer {
  return (_key, shape) => {
    assertTensorAffordable(shape);
    return { shape, data: new Float32Array(elements(shape)).fill(value) };
  };
}

/** U[-bound, bound). */
export function uniformInitializer(bound: number): Initializer {
  return drawn((key, size) => randomUniform(key, size, -bound, bound));
}

/** N(mean, stddev^2). */
export function normalInitializer(stddev = 1, mean = 0): Initializer {
  return drawn((key, size) => randomNormal(key, size, mean, stddev));
}

/**
 * Xavier (Glorot & Bengio 2010): U[-b, b) with b = sqrt(6 / (fanIn + fanOut)) for a weight `[..., out]`, whose other
 * axes make up fanIn.
 * @throws {ConfigError} for a shape with fewer than two axes
 */
export const xavierUniformInitializer: Initializer = (key, shape) => {
  const { fanIn, fanOut } = fans(shape, 'xavierUniformInitializer');
  return uniformInitializer(Math.sqrt(6 / (fanIn + fanOut)))(key, shape);
};

/** PyTorch's default of `nn.Linear` for weight and bias: U[-b, b) with b = 1 / sqrt(fanIn). @throws {ConfigError} */
export function torchLinearInitializer(fanIn: number): Initializer {
  if (!(fanIn > 0)) {
    throw new ConfigError({ where: 'torchLinearInitializer', expected: 'fanIn to be positive', got: String(fanIn) });
  }
  return uniformInitializer(1 / Math.sqrt(fanIn));
}

function drawn(draw: (key: RandomKey, size: number) => Float32Array): Initializer {
  return (key, shape) => {
    assertTensorAffordable(shape);
    const size = elements(shape);
    return { shape, data: draws ? draw(key, size) : new Float32Array(size) };
  };
}

function fans(shape: readonly number[], where: string): { fanIn: number; fanOut: number } {
  if (shape.length < 2) {
    throw new ConfigError({ where, expected: 'a weight of two or more axes', got: `shape [${shape.join(', ')}]` });
  }
  return { fanIn: elements(shape.slice(0, -1)), fanOut: shape.at(-1)! };
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
