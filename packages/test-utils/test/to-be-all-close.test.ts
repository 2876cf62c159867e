import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { compareAll } from '../src/index.js';

describe('toBeAllClose', () => {
  it('accepts what lies within rtol and atol, whatever holds the numbers', () => {
    const tensor = tf.tensor2d([1, 2, 3, 4], [2, 2]);
    expect(tensor).toBeAllClose([
      [1, 2],
      [3, 4.00001],
    ]);
    expect(tensor).toBeAllClose({ shape: [2, 2], data: new Float32Array([1, 2, 3, 4]) });
    expect(tensor).toBeAllClose([1, 2, 3, 4]);
    expect(new Float32Array([100, 200])).toBeAllClose([101, 198], { rtol: 0.0102 });
    expect(3).toBeAllClose(3.0000001);
    expect([1, 2]).not.toBeAllClose([1, 2.1]);
    tensor.dispose();
  });

  it('names the number of misses and the worst element', () => {
    expect(() => expect(tf.tensor2d([1, 2, 3.5, 9], [2, 2])).toBeAllClose(tf.tensor2d([1, 2, 3, 4], [2, 2]))).toThrow(
      '2 of 4 values differ by more than rtol 0.00001, atol 0.000001; worst at [1, 1]: 9 instead of 4 (off by 5)',
    );
  });

  it('compares shapes before values', () => {
    expect(compareAll(tf.ones([2, 3]), tf.ones([3, 2])).message).toBe('shape [2, 3] instead of [3, 2]');
    expect(compareAll(tf.ones([2, 3]), [1, 1]).message).toBe('6 values instead of 2');
  });

  it('rejects NaN on either side and infinity in the wrong place', () => {
    expect([NaN]).not.toBeAllClose([NaN]);
    expect([NaN]).not.toBeAllClose([1]);
    expect([1]).not.toBeAllClose([NaN]);
    expect([Infinity]).not.toBeAllClose([1]);
    expect([1]).not.toBeAllClose([Infinity]);
    expect([Infinity]).not.toBeAllClose([-Infinity]);
    expect([Infinity]).toBeAllClose([Infinity]);
  });

  it('says so when a difference was wanted', () => {
    expect(() => expect([1]).not.toBeAllClose([1])).toThrow('expected a difference, but all 1 values within');
  });
});
