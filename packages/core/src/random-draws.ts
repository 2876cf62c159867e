import { assertInteger } from './checks.js';
import { ConfigError } from './errors.js';
import { encryptBlock, type RandomKey } from './random-key.js';

/**
 * Draws `count` unsigned 32-bit words; the first ones do not depend on `count`.
 * @throws {ConfigError}
 */
export function randomBits(key: RandomKey, count: number): Uint32Array {
  assertInteger(count, 'count', 'randomBits', 0);
  const bits = new Uint32Array(count);
  for (let index = 0; index < count; index += 2) encryptBlock(key[0], key[1], 0, index / 2, bits, index);
  return bits;
}

/**
 * Draws `count` numbers in `[minimum, maximum)` from 24 random bits each, so that float32 holds
 * them exactly for [0, 1). Where float32 rounding would give `maximum`, the result is the largest
 * float32 number below it.
 * @throws {ConfigError} unless both ends are finite float32 numbers and `minimum < maximum`
 */
export function randomUniform(key: RandomKey, count: number, minimum = 0, maximum = 1): Float32Array {
  const low = Math.fround(minimum);
  const high = Math.fround(maximum);
  if (!Number.isFinite(low) || !Number.isFinite(high) || !(low < high)) {
    throw new ConfigError({
      where: 'randomUniform',
      expected: 'finite float32 bounds with minimum < maximum',
      got: `[${minimum}, ${maximum})`,
    });
  }
  const bits = randomBits(key, count);
  const values = new Float32Array(count);
  for (let index = 0; index < count; index++) {
    values[index] = minimum + (maximum - minimum) * ((bits[index]! >>> 8) / 0x1000000);
    if (values[index]! >= high) values[index] = previousFloat32(high);
  }
  return values;
}

/**
 * Draws `count` integers in `[0, maximum)`, all equally likely (words that would favour small
 * numbers are drawn again). The first ones do not depend on `count`.
 * @param maximum  an integer in `[1, 2^31]`
 * @throws {ConfigError}
 */
export function randomInts(key: RandomKey, count: number, maximum: number): Int32Array {
  assertInteger(count, 'count', 'randomInts', 0);
  assertInteger(maximum, 'maximum', 'randomInts', 1, 2 ** 31);
  const nextBelow = boundedStream(key);
  return Int32Array.from({ length: count }, () => nextBelow(maximum));
}

/**
 * Draws a permutation of `0 .. length - 1`, all equally likely (Fisher-Yates).
 * @param length  an integer in `[0, 2^32)`
 * @throws {ConfigError}
 */
export function permutation(key: RandomKey, length: number): Uint32Array {
  assertInteger(length, 'length', 'permutation', 0);
  const nextBelow = boundedStream(key);
  const order = Uint32Array.from({ length }, (_, index) => index);
  for (let last = length - 1; last > 0; last--) {
    const other = nextBelow(last + 1);
    const moved = order[last]!;
    order[last] = order[other]!;
    order[other] = moved;
  }
  return order;
}

/** Returns a function that draws integers in `[0, bound)` from successive words of `randomBits`. */
function boundedStream(key: RandomKey): (bound: number) => number {
  const block = new Uint32Array(2);
  let position = 0;
  const nextWord = (): number => {
    if (position % 2 === 0) encryptBlock(key[0], key[1], 0, position / 2, block, 0);
    return block[position++ % 2]!;
  };
  return (bound) => {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let word = nextWord();
    while (word >= limit) word = nextWord();
    return word % bound;
  };
}

/** Returns the largest float32 number below `value`, which is a float32 number itself. */
function previousFloat32(value: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  if (value === 0) return -(2 ** -149);
  view.setInt32(0, view.getInt32(0) + (value > 0 ? -1 : 1));
  return view.getFloat32(0);
}
