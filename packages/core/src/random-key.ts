import { ConfigError } from './errors.js';
import type { ModelBudget } from './model-budget.js';

/**
 * A counter-based random key: two unsigned 32-bit words. A key is used for one draw or for
 * `split`/`foldIn`, never for both. Every draw is a pure function of key and arguments, the same on
 * every platform.
 *
 * A key from `skipInitialization`, and every key derived from it, also carries the budget of the
 * model that is being built: initializers count against the budget and return zeros instead of
 * drawing.
 */
export type RandomKey = readonly [number, number, ModelBudget?];

/** Returns the key of an integer seed in `[0, 2^53)`. @throws {ConfigError} */
export function randomKey(seed: number): RandomKey {
  return seedWords(seed, 'randomKey', 'seed');
}

/**
 * Derives the key for item `data` (a step, a worker, an image), an integer in `[0, 2^53)`.
 * @throws {ConfigError}
 */
export function foldIn(key: RandomKey, data: number): RandomKey {
  const [high, low] = seedWords(data, 'foldIn', 'data');
  const words = threefry2x32(key, high, low);
  return key[2] ? [...words, key[2]] : words;
}

/** Derives `count` independent keys; the first ones do not depend on `count`. */
export function split(key: RandomKey, count = 2): RandomKey[] {
  return Array.from({ length: count }, (_, index) => foldIn(key, index));
}

/**
 * Computes one block of Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers:
 * as easy as 1, 2, 3").
 */
export function threefry2x32(key: RandomKey, counter0: number, counter1: number): [number, number] {
  const block = new Uint32Array(2);
  encryptBlock(key[0], key[1], counter0, counter1, block, 0);
  return [block[0]!, block[1]!];
}

/**
 * Writes one block of two words to `out[at]` and `out[at + 1]`; a word beyond the end of `out` is
 * dropped. The rounds are unrolled because a model of 100 million weights needs 50 million blocks.
 */
export function encryptBlock(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
  out: Uint32Array,
  at: number,
): void {
  const key2 = 0x1bd11bda ^ key0 ^ key1;
  let x = (counter0 + key0) | 0;
  let y = (counter1 + key1) | 0;

  x = (x + y) | 0;
  y = ((y << 13) | (y >>> 19)) ^ x;
  x = (x + y) | 0;
  y = ((y << 15) | (y >>> 17)) ^ x;
  x = (x + y) | 0;
  y = ((y << 26) | (y >>> 6)) ^ x;
  x = (x + y) | 0;
  y = ((y << 6) | (y >>> 26)) ^ x;
  x = (x + key1) | 0;
  y = (y + key2 + 1) | 0;

  x = (x + y) | 0;
  y = ((y << 17) | (y >>> 15)) ^ x;
  x = (x + y) | 0;
  y = ((y << 29) | (y >>> 3)) ^ x;
  x = (x + y) | 0;
  y = ((y << 16) | (y >>> 16)) ^ x;
  x = (x + y) | 0;
  y = ((y << 24) | (y >>> 8)) ^ x;
  x = (x + key2) | 0;
  y = (y + key0 + 2) | 0;

  x = (x + y) | 0;
  y = ((y << 13) | (y >>> 19)) ^ x;
  x = (x + y) | 0;
  y = ((y << 15) | (y >>> 17)) ^ x;
  x = (x + y) | 0;
  y = ((y << 26) | (y >>> 6)) ^ x;
  x = (x + y) | 0;
  y = ((y << 6) | (y >>> 26)) ^ x;
  x = (x + key0) | 0;
  y = (y + key1 + 3) | 0;

  x = (x + y) | 0;
  y = ((y << 17) | (y >>> 15)) ^ x;
  x = (x + y) | 0;
  y = ((y << 29) | (y >>> 3)) ^ x;
  x = (x + y) | 0;
  y = ((y << 16) | (y >>> 16)) ^ x;
  x = (x + y) | 0;
  y = ((y << 24) | (y >>> 8)) ^ x;
  x = (x + key1) | 0;
  y = (y + key2 + 4) | 0;

  x = (x + y) | 0;
  y = ((y << 13) | (y >>> 19)) ^ x;
  x = (x + y) | 0;
  y = ((y << 15) | (y >>> 17)) ^ x;
  x = (x + y) | 0;
  y = ((y << 26) | (y >>> 6)) ^ x;
  x = (x + y) | 0;
  y = ((y << 6) | (y >>> 26)) ^ x;
  x = (x + key2) | 0;
  y = (y + key0 + 5) | 0;

  out[at] = x;
  out[at + 1] = y;
}

/** Splits an integer into its high and low 32 bits. */
function seedWords(value: number, where: string, name: string): [number, number] {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new ConfigError({ where, expected: `${name} to be an integer in [0, 2^53)`, got: String(value) });
  }
  return [Math.floor(value / 2 ** 32), value >>> 0];
}
