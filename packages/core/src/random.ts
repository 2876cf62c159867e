import { ConfigError } from './errors.js';

/**
 * A counter-based random key: two unsigned 32-bit words. A key is used for one draw or for `split`/`foldIn`, never both.
 * Every draw is a pure function of key and shape, the same on every platform.
 */
export type RandomKey = readonly [number, number];

/** Key of an integer seed in `[0, 2^53)`. */
export function randomKey(seed: number): RandomKey {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ConfigError({ where: 'randomKey', expected: 'an integer seed in [0, 2^53)', got: String(seed) });
  }
  return [Math.floor(seed / 2 ** 32) >>> 0, seed >>> 0];
}

const rotations = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;

/** Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): one block. */
export function threefry2x32([k0, k1]: RandomKey, c0: number, c1: number): [number, number] {
  const ks = [k0 >>> 0, k1 >>> 0, (0x1bd11bda ^ k0 ^ k1) >>> 0];
  let x0 = (c0 + ks[0]!) >>> 0;
  let x1 = (c1 + ks[1]!) >>> 0;
  for (let block = 0; block < 5; block++) {
    for (const rotation of rotations[block % 2]!) {
      x0 = (x0 + x1) >>> 0;
      x1 = ((x1 << rotation) | (x1 >>> (32 - rotation))) >>> 0;
      x1 = (x1 ^ x0) >>> 0;
    }
    x0 = (x0 + ks[(block + 1) % 3]!) >>> 0;
    x1 = (x1 + ks[(block + 2) % 3]! + block + 1) >>> 0;
  }
  return [x0, x1];
}

/** A key for item `data` (a step, a worker, an image); an integer in `[0, 2^53)`. */
export function foldIn(key: RandomKey, data: number): RandomKey {
  const [high, low] = randomKey(data);
  return threefry2x32(key, high, low);
}

/** `count` independent keys. */
export function split(key: RandomKey, count = 2): RandomKey[] {
  return Array.from({ length: count }, (_, index) => foldIn(key, index));
}

/** `count` unsigned 32-bit words. */
export function randomBits(key: RandomKey, count: number): Uint32Array {
  const bits = new Uint32Array(count);
  for (let index = 0; index < count; index += 2) {
    const [a, b] = threefry2x32(key, 0, index / 2);
    bits[index] = a;
    if (index + 1 < count) bits[index + 1] = b;
  }
  return bits;
}

/** `count` numbers in `[minimum, maximum)`, from 24 random bits each, so that float32 holds them exactly for [0, 1). */
export function randomUniform(key: RandomKey, count: number, minimum = 0, maximum = 1): Float32Array {
  const bits = randomBits(key, count);
  const values = new Float32Array(count);
  for (let index = 0; index < count; index++) {
    values[index] = minimum + (maximum - minimum) * ((bits[index]! >>> 8) / 0x1000000);
  }
  return values;
}
