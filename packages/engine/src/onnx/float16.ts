/**
 * Bits of IEEE 754 half precision, rounded to the nearest, ties to even. What is beyond 65504 becomes infinite, as the standard
 * has it: whoever stores weights looks for that first.
 */
export function toFloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, halfOf);
}

function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00; // not a number
  // 65520 and more round to infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  // Below 2^-14, halves are multiples of 2^-24: the value in that unit, rounded; 2^-25 and less is nothing.
  if (magnitude < 0x38800000) {
    const exponent = magnitude >>> 23;
    if (exponent < 102) return sign;
    const significand = (magnitude & 0x7fffff) | 0x800000;
    return sign | roundedShift(significand, 126 - exponent);
  }
  // The exponent moves from bias 127 to 15; a carry of the rounding goes into it, as it should.
  return sign | roundedShift(magnitude - 0x38000000, 13);
}

/** value / 2^shift, to the nearest, ties to even. */
function roundedShift(value: number, shift: number): number {
  const floor = value >>> shift;
  const rest = value & (2 ** shift - 1);
  const half = 2 ** (shift - 1);
  return rest > half || (rest === half && (floor & 1) === 1) ? floor + 1 : floor;
}
