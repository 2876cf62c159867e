import type { HostTensor } from '@vitvq/core';

/** Number in [-1, 1) of element `index`: the fixtures' hash rule. */
export function hashSym(index: number, seed: number): number {
  let x = (index + Math.imul(seed, 0x9e3779b9)) >>> 0;
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  x ^= x >>> 16;
  return (x >>> 0) / 2 ** 31 - 1;
}

/** 32-bit FNV-1a over the UTF-8 bytes of a name. */
export function fnv1a(name: string): number {
  return new TextEncoder().encode(name).reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
}

/**
 * `[sum, l2 norm, sum_i t_i hashSym(i, fnv1a(name))]` of a tensor in PyTorch's layout, in double
 * precision.
 */
export function checksum(name: string, { data }: HostTensor): HostTensor {
  const seed = fnv1a(name);
  let sum = 0;
  let squares = 0;
  let weighted = 0;
  data.forEach((value, index) => {
    sum += value;
    squares += value * value;
    weighted += value * hashSym(index, seed);
  });
  return { shape: [3], data: Float32Array.of(sum, Math.sqrt(squares), weighted) };
}
