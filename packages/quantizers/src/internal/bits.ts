import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { Digits } from './digits.js';

/** Returns the numbers of `count` bits, the first bit counting least. @throws {ConfigError} */
export function binaryDigits(count: number, where: string): Digits {
  return new Digits(new Array<number>(count).fill(2), 'codeDim', where);
}

/** Maps 0 and 1 to -1 and 1. */
export function signs<T extends Tensor>(bits: T): T {
  return tf.sub(tf.mul(bits, 2), 1);
}
