import { expect, it } from 'vitest';
import {
  allocate,
  ConfigError,
  constantInitializer,
  normalInitializer,
  randomKey,
  type Initializer,
} from '../src/index.js';

it('makes arrays of the size of a shape', () => {
  expect(allocate([2, 3], 'f', (size) => new Float32Array(size))).toHaveLength(6);
  expect(allocate([], 'f', (size) => new Float32Array(size))).toHaveLength(1);
});

it('says that no memory holds a tensor, and passes other errors on', () => {
  expect(() => allocate([2 ** 16, 2 ** 16], 'f', (size) => new Float32Array(size))).toThrow(
    'f: expected a tensor of at most 2147483647 values, got [65536, 65536]. Choose smaller sizes.',
  );
  const full = (): never => {
    throw new RangeError('Array buffer allocation failed');
  };
  expect(() => allocate([5], 'f', full)).toThrow('f: expected a tensor that fits into memory, got [5].');
  expect(() =>
    allocate([5], 'f', () => {
      throw new TypeError('other');
    }),
  ).toThrow(TypeError);
});

it.each<[string, Initializer]>([
  ['constantInitializer', constantInitializer(1)],
  ['normalInitializer', normalInitializer()],
])('%s refuses a vocabulary that no array can hold', (_, initializer) => {
  expect(() => initializer(randomKey(1), [2 ** 32 + 1, 8])).toThrow(ConfigError);
});
