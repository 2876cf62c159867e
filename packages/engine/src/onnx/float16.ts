import { typedArray, type DType, type TypedArray } from '../ir/graph.js';
import { roundNarrow } from '../ir/round-narrow.js';

/** Returns values of a constant as a model holds them; those of narrow types are their bits. */
export function initializerData(dtype: DType, values: ArrayLike<number>): TypedArray | Uint16Array {
  if (dtype === 'float16') return toFloat16(Float32Array.from(values));
  if (dtype !== 'bfloat16') return typedArray(dtype, values);
  return Uint16Array.from(new Uint32Array(roundNarrow(values, dtype).buffer), (bits) => bits >>> 16);
}

/**
 * Converts numbers to the bits of IEEE 754 half precision, rounded to nearest, ties to even.
 * Numbers beyond 65504 become infinite, as the standard demands; callers that store weights check
 * for that first.
 */
export function toFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, halfOf);
}

/** Converts the bits of one float32 number. */
function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // not a number
  // 65520 and more round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Below 2^-14, half-precision numbers are multiples of 2^-24, to which the value is rounded;
  // 2^-25 and less become 0.
  if (magnitude < 0x38800000) {
    const exponent = magnitude >>> 23;
    if (exponent < 102) return sign;
    const significand = (magnitude & 0x7fffff) | 0x800000;
    return sign | roundedShift(significand, 126 - exponent);
  }
  // The bias of the exponent changes from 127 to 15; a carry from rounding correctly goes into it.
  return sign | roundedShift(magnitude - 0x38000000, 13);
}

/** Returns value / 2^shift, rounded to nearest, ties to even. */
function roundedShift(value: number, shift: number): number {
  const floor = value >>> shift;
  const rest = value & (2 ** shift - 1);
  const half = 2 ** (shift - 1);
  return rest > half || (rest === half && (floor & 1) === 1) ? floor + 1 : floor;
}
