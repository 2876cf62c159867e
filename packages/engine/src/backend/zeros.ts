import type { TypedArray } from '../ir/graph.js';

/** Smaller arrays are copied whatever they hold. */
const smallestZeros = 2 ** 16;

/**
 * Returns whether every bit is 0, as in the moments of an optimizer that has not begun: zeros that
 * nobody has written to take no memory, and a copy of them would.
 */
export function isAllZeros({ buffer, byteOffset, byteLength }: TypedArray): boolean {
  if (byteLength < smallestZeros || byteLength % 4 > 0 || byteOffset % 4 > 0) return false;
  const words = new Int32Array(buffer, byteOffset, byteLength / 4);
  for (let index = 0; index < words.length; index++) if (words[index] !== 0) return false;
  return true;
}
