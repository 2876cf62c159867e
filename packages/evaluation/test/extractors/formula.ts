import type { TensorEntry, TensorFile } from '@vitvq/checkpoint';
import { elementCount, type HostTensor } from '@vitvq/core';

// The twin of golden/formula.py: both sides draw the same numbers from names and indices.

function mix(word: number): number {
  let bits = word;
  bits ^= bits >>> 16;
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}

function seedOf(name: string): number {
  let seed = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 0x01000193);
  return seed;
}

function bits(seed: number, index: number): number {
  return mix((mix(index) + seed) | 0) >>> 0;
}

/** Returns a weight by its name in PyTorch and its shape. */
export function weight(name: string, shape: readonly number[], gain = 1): HostTensor {
  const last = name.split('.').at(-1)!;
  const isScale = ['running_var', 'gamma'].includes(last) || (shape.length === 1 && last === 'weight');
  const bound = Math.sqrt(3 / elementCount(shape.slice(1)));
  const [low, high] = isScale ? [0.5, 1.5] : shape.length < 2 ? [-0.1, 0.1] : [-bound, bound];
  const factor = shape.length > 1 ? gain : 1;
  const seed = seedOf(name);
  const data = new Float32Array(elementCount(shape));
  const range = high - low;
  for (let index = 0; index < data.length; index++) {
    data[index] = Math.fround(low + range * ((bits(seed, index) >>> 8) / 2 ** 24)) * factor;
  }
  return { shape, data };
}

/** Returns images of bytes `[B, H, W, 3]`: noise on a gradient of its channel. */
export function imageBytes(name: string, count: number, height: number, width: number): Uint8Array {
  const seed = seedOf(name);
  return Uint8Array.from({ length: count * height * width * 3 }, (_, index) => {
    const channel = index % 3;
    const column = Math.floor(index / 3) % width;
    const row = Math.floor(index / 3 / width) % height;
    return (row * 3 + column * 2 + channel * 40 + (bits(seed, index) >>> 24)) % 256;
  });
}

/** Returns an open file of weights that are drawn when they are read. */
export function fileOf(shapes: Readonly<Record<string, readonly number[]>>, gain = 1): TensorFile {
  return {
    file: 'formula',
    entries: Object.entries(shapes).map(([name, shape]): TensorEntry => ({ name, shape, dtype: 'F32' })),
    read: ({ name, shape }) => Promise.resolve(weight(name, shape, gain)),
    close: () => Promise.resolve(),
  };
}

/** Returns the largest difference of two lists, relative to the largest value. */
export function relativeDifference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = 0;
  let difference = got.length === expected.length ? 0 : Infinity;
  for (let at = 0; at < expected.length; at++) {
    largest = Math.max(largest, Math.abs(expected[at]!));
    const apart = Math.abs(got[at]! - expected[at]!);
    difference = Number.isNaN(apart) ? Infinity : Math.max(difference, apart);
  }
  return difference / largest;
}
