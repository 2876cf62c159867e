import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '@vitvq/core';
import { normal } from '@vitvq/test-models';
import { rotaryPositions2D, rotate, type RotationTables } from '../src/index.js';

const rotated = (x: tf.Tensor, { cos, sin }: RotationTables): tf.Tensor =>
  rotate(x, { cos: tf.tensor(cos.data, [...cos.shape]), sin: tf.tensor(sin.data, [...sin.shape]) });

describe('rotary positions', () => {
  it('turn the planes of the row by the row, and those of the column by the column', () => {
    // Planes: channels 0 and 4, 1 and 5 for the row; 2 and 6, 3 and 7 for the column.
    const x = tf.tile(tf.tensor4d([1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 8]), [1, 1, 6, 1]);
    const last = tf.slice(rotated(x, rotaryPositions2D(8, [2, 3])), [0, 0, 5, 0], [1, 1, 1, 8]);
    const angles = [1, 0.01, 2, 0.02];
    expect(tf.reshape(last, [8])).toBeAllClose([...angles.map(Math.cos), ...angles.map(Math.sin)], { atol: 1e-6 });
  });

  it('make scores depend on the distance in rows and columns alone', () => {
    const tables = rotaryPositions2D(8, [4, 4]);
    const same = (seed: number): tf.Tensor => tf.tile(normal([1, 1, 1, 8], seed), [1, 1, 16, 1]);
    const scores = tf.reshape<tf.Rank.R2>(
      tf.matMul(rotated(same(1), tables), rotated(same(2), tables), false, true),
      [16, 16],
    );
    const at = (query: readonly [number, number], key: readonly [number, number]): tf.Tensor =>
      tf.slice(scores, [query[0] * 4 + query[1], key[0] * 4 + key[1]], [1, 1]);
    expect(at([3, 3], [2, 1])).toBeAllClose(at([1, 2], [0, 0]), { atol: 1e-5 });
    expect(at([3, 3], [2, 1])).not.toBeAllClose(at([3, 3], [1, 2]), { atol: 1e-3 });
  });

  it('leave conditions as they are, or make zeros of them', () => {
    const x = normal([1, 2, 3, 4], 1);
    const conditions = (rotation: RotationTables): tf.Tensor =>
      tf.slice(rotated(x, rotation), [0, 0, 0, 0], [1, 2, 2, 4]);
    const original = tf.slice(x, [0, 0, 0, 0], [1, 2, 2, 4]);
    expect(conditions(rotaryPositions2D(4, [1, 1], 2))).toBeAllClose(original, { atol: 0 });
    expect(conditions(rotaryPositions2D(4, [1, 1], 2, 'zero'))).toBeAllClose(tf.zeros([1, 2, 2, 4]), { atol: 0 });
  });

  it('refuse heads that are no multiple of 4 wide', () => {
    expect(() => rotaryPositions2D(6, [2, 2])).toThrow(ConfigError);
    expect(() => rotaryPositions2D(6, [2, 2])).toThrow(/headDim to be a positive multiple of 4/);
    expect(() => rotaryPositions2D(4, [0, 2])).toThrow(/grid rows/);
  });
});
