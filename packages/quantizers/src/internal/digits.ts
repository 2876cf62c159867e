import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { assertInteger, ConfigError } from '@vitvq/core';

/** Most codes that digits can count: float32 is exact up to here. */
export const maximumCodes = 2 ** 24;

/**
 * Numbers with a radix for each digit, the first digit counting least: an index `[...]` and its E
 * digits `[..., E]`, whole numbers from 0 in float32.
 */
export class Digits {
  readonly radices: readonly number[];
  /** Number of numbers. */
  readonly size: number;
  readonly #places: readonly number[];

  /**
   * @throws {ConfigError} unless there are digits, of at least two values each, and at most 2^24
   *   numbers
   */
  constructor(radices: readonly number[], name: string, where: string) {
    for (const radix of radices) assertInteger(radix, name, where, 2);
    this.radices = [...radices];
    this.#places = radices.map((_, digit) => radices.slice(0, digit).reduce((product, radix) => product * radix, 1));
    this.size = radices.reduce((product, radix) => product * radix, 1);
    if (radices.length === 0 || this.size > maximumCodes) {
      throw new ConfigError({ where, expected: `between 2 and 2^24 codes`, got: String(this.size) });
    }
  }

  /**
   * Returns the int32 numbers `[...]` of digits `[..., E]`. A digit that is NaN counts as 0: what
   * an integer of NaN is differs between engines, and may be out of range.
   */
  toIndices(digits: Tensor): Tensor {
    const whole = tf.where(tf.greaterEqual(digits, 0), digits, tf.zerosLike(digits));
    return tf.cast(tf.sum(tf.mul(whole, tf.tensor1d([...this.#places])), -1), 'int32');
  }

  /**
   * Returns the digits `[..., E]` of numbers `[...]`: NaN for an index out of range, which would
   * else be taken for another code.
   */
  toDigits(indices: Tensor): Tensor {
    const [first, end] = [tf.scalar(0, 'int32'), tf.scalar(this.size, 'int32')];
    const isCode = tf.logicalAnd(tf.greaterEqual(indices, first), tf.less(indices, end));
    const codes = tf.where(isCode, tf.cast(indices, 'float32'), tf.fill(indices.shape, NaN));
    const numbers = tf.expandDims(codes, -1);
    const shifted = tf.floor(tf.div(numbers, tf.tensor1d([...this.#places])));
    return tf.mod(shifted, tf.tensor1d([...this.radices]));
  }

  /** Returns the digits of all numbers, `[size, E]`. */
  all(): Tensor2D {
    return this.toDigits(tf.range(0, this.size, 1, 'int32')) as Tensor2D;
  }
}
