import type { NarrowType } from './graph.js';

/**
 * Returns each number as the nearest one of a narrow type, of two equally near ones the even one.
 */
export function roundNarrow(values: ArrayLike<number>, dtype: NarrowType): Float32Array {
  const rounded = Float32Array.from(values);
  const bits = new Uint32Array(rounded.buffer);
  const round = dtype === 'bfloat16' ? roundedBrain : roundedHalf;
  bits.forEach((word, index) => (bits[index] = round(word)));
  return rounded;
}

const magnitudeBits = 0x7fffffff;
const infinity = 0x7f800000;

/** Rounds the bits of a float32 so that the last `count` are 0; a carry is an exponent's. */
function withoutBits(word: number, count: number): number {
  const half = 2 ** (count - 1) - 1;
  const isOdd = (word >>> count) & 1;
  return ((word + half + isOdd) >>> count) << count;
}

function roundedBrain(word: number): number {
  return (word & magnitudeBits) > infinity ? word : withoutBits(word, 16);
}

/** Numbers below 2^-14 are multiples of 2^-24, and those from 65520 on are infinite. */
function roundedHalf(word: number): number {
  const magnitude = word & magnitudeBits;
  const sign = word & ~magnitudeBits;
  if (magnitude > infinity) return word;
  if (magnitude >= 0x477ff000) return sign | infinity;
  if (magnitude >= 0x38800000) return withoutBits(word, 13);
  // The sum with a number whose last digit is 2^-24 has no other digits.
  const number = new Float32Array(Uint32Array.of(magnitude).buffer);
  number[0] = Math.fround(number[0]! + 0.5) - 0.5;
  return sign | new Uint32Array(number.buffer)[0]!;
}
