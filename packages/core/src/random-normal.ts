import { assertInRange } from './checks.js';
import { randomBits } from './random-draws.js';
import type { RandomKey } from './random-key.js';

/**
 * Draws `count` independent numbers from N(mean, stddev^2), one random word each: the inverse
 * normal distribution function at `(word + 1/2) / 2^32`, so |draw - mean| <= 6.4 stddev. Only
 * additions, multiplications, divisions and square roots are used, which IEEE 754 rounds correctly,
 * so that the numbers are the same on every platform (`Math.log` differs between platforms).
 * @throws {ConfigError} unless `mean` is finite and `stddev` finite and not negative
 */
export function randomNormal(key: RandomKey, count: number, mean = 0, stddev = 1): Float32Array {
  assertInRange(mean, 'mean', 'randomNormal', -Number.MAX_VALUE);
  assertInRange(stddev, 'stddev', 'randomNormal', 0);
  const bits = randomBits(key, count);
  const values = new Float32Array(count);
  const scratch = new DataView(new ArrayBuffer(8));
  for (let index = 0; index < count; index++) {
    values[index] = mean + stddev * inverseNormal((bits[index]! + 0.5) / 2 ** 32, scratch);
  }
  return values;
}

/**
 * Returns the quantile of the standard normal distribution at `p` in (0, 1), with a relative error
 * of about 1e-16: algorithm AS 241, PPND16 (Wichura 1988, "The percentage points of the normal
 * distribution").
 * @param scratch  eight bytes to work in
 */
export function inverseNormal(p: number, scratch = new DataView(new ArrayBuffer(8))): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(centralNumerator, r)) / polynomial(centralDenominator, r);
  }
  const r = Math.sqrt(-naturalLogarithm(q < 0 ? p : 1 - p, scratch));
  const size =
    r <= 5
      ? polynomial(middleNumerator, r - 1.6) / polynomial(middleDenominator, r - 1.6)
      : polynomial(tailNumerator, r - 5) / polynomial(tailDenominator, r - 5);
  return q < 0 ? -size : size;
}

/**
 * Returns log(x) of a positive normal double from IEEE-exact operations: x = m 2^e with m in
 * [sqrt(1/2), sqrt(2)), log m = 2 artanh(s) with s = (m - 1) / (m + 1), |s| <= 0.172, whose series
 * is below 1e-17 after 11 terms.
 * @param scratch  eight bytes to work in
 */
export function naturalLogarithm(x: number, scratch = new DataView(new ArrayBuffer(8))): number {
  scratch.setFloat64(0, x);
  const high = scratch.getUint32(0);
  let exponent = (high >>> 20) - 1023;
  scratch.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let mantissa = scratch.getFloat64(0);
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let series = 0;
  for (let term = 21; term >= 3; term -= 2) series = (series + 1 / term) * square;
  // log 2 in two parts, so that exponent * high part is exact.
  return exponent * 0.6931471803691238 + (2 * s + (2 * s * series + exponent * 1.9082149292705877e-10));
}

/** Evaluates a polynomial by Horner's rule; coefficients start with the constant term. */
function polynomial(coefficients: readonly number[], x: number): number {
  let value = 0;
  for (let index = coefficients.length - 1; index >= 0; index--) value = value * x + coefficients[index]!;
  return value;
}

// prettier-ignore
const centralNumerator = [
  3.3871328727963665, 1.3314166789178438e2, 1.9715909503065513e3, 1.373169376550946e4,
  4.592195393154987e4, 6.72657709270087e4, 3.343057558358813e4, 2.5090809287301227e3,
];
// prettier-ignore
const centralDenominator = [
  1, 4.231333070160091e1, 6.871870074920579e2, 5.394196021424751e3,
  2.1213794301586597e4, 3.930789580009271e4, 2.8729085735721943e4, 5.226495278852854e3,
];
// prettier-ignore
const middleNumerator = [
  1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045,
  1.2704582524523684, 2.417807251774506e-1, 2.2723844989269184e-2, 7.745450142783414e-4,
];
// prettier-ignore
const middleDenominator = [
  1, 2.053191626637759, 1.6763848301838038, 6.897673349851e-1,
  1.4810397642748008e-1, 1.5198666563616457e-2, 5.475938084995345e-4, 1.0507500716444169e-9,
];
// prettier-ignore
const tailNumerator = [
  6.657904643501103, 5.463784911164114, 1.7848265399172913, 2.9656057182850487e-1,
  2.6532189526576124e-2, 1.2426609473880784e-3, 2.7115555687434876e-5, 2.0103343992922881e-7,
];
// prettier-ignore
const tailDenominator = [
  1, 5.99832206555888e-1, 1.369298809227358e-1, 1.4875361290850615e-2,
  7.868691311456133e-4, 1.8463183175100548e-5, 1.421511758316446e-7, 2.0442631033899397e-15,
];
