import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal } from '@vitvq/core';
import { FiniteScalarQuantizer } from '../src/index.js';
import { describe, expect, it } from 'vitest';

describe('FiniteScalarQuantizer', () => {
  it('rounds channels to their values and counts them, the first least', () => {
    const quantizer = new FiniteScalarQuantizer({ levels: [5, 4, 3] });
    expect([quantizer.codebookSize, quantizer.codeDim]).toEqual([60, 3]);
    const z = tf.tensor3d([0, 0, 0, 9, 9, 9, -9, -9, -9, 0.5, -0.6, 0.4], [1, 4, 3]);
    const { quantized, indices, loss } = quantizer.quantize(z);
    // Values -2..2, -2..1 and -1..1, divided by 2, 2 and 1. tanh(0.5) x 1.998 = 0.92; tanh(-0.6 +
    // atanh(0.5 / 1.4985)) x 1.4985 - 0.5 = -0.87; tanh(0.4) x 0.999 = 0.38.
    expect(quantized).toBeAllClose([
      [
        [0, 0, 0],
        [1, 0.5, 1],
        [-1, -1, -1],
        [0.5, -0.5, 0],
      ],
    ]);
    expect(indices.arraySync()).toEqual([[2 + 5 * 2 + 20, 4 + 5 * 3 + 40, 0, 3 + 5 + 20]]);
    expect(loss.dataSync()[0]).toBe(0);
  });

  it('reaches every code, and no other', () => {
    const levels = [3, 8, 5, 4];
    const quantizer = new FiniteScalarQuantizer({ levels });
    const z = tf.tensor3d(randomNormal(randomKey(1), 4 * 20_000, 0, 1.2), [1, 20_000, 4]);
    expect(new Set(quantizer.quantize(z).indices.dataSync()).size).toBe(480);
    levels.forEach((values, channel) => {
      const reached = tf.slice(quantizer.quantize(z).quantized, [0, 0, channel], [1, -1, 1]).dataSync();
      expect(new Set(reached).size).toBe(values);
    });
  });

  it('counts a channel that is NaN as its least value, and leaves it NaN', () => {
    const quantizer = new FiniteScalarQuantizer({ levels: [5, 4, 3] });
    const { quantized, indices } = quantizer.quantize(tf.tensor3d([0, NaN, 9], [1, 1, 3]));
    expect(indices.arraySync()).toEqual([[2 + 2 * 20]]);
    expect([...quantized.dataSync()]).toEqual([0, NaN, 1]);
  });

  it('decodes large indices exactly', () => {
    const quantizer = new FiniteScalarQuantizer({ levels: [8, 8, 8, 6, 5, 7] });
    const indices = tf.tensor2d([0, 1, 7, 8, 53_759, 107_519, 100_003], [1, 7], 'int32');
    const codes = quantizer.decode(indices);
    // Features that are mapped to these codes: the inverse of the tanh, rounding done.
    const halves = [4, 4, 4, 3, 2, 3];
    const places = [1, 8, 64, 512, 3072, 15_360];
    const back = tf.sum(
      tf.mul(tf.add(tf.mul(codes, tf.tensor1d(halves)), tf.tensor1d(halves)), tf.tensor1d(places)),
      -1,
    );
    expect(back).toBeAllClose(tf.cast(indices, 'float32'), { rtol: 0, atol: 0.01 });
  });

  it('has the gradient of the bound, without the rounding', () => {
    const levels = [5, 4, 3];
    const quantizer = new FiniteScalarQuantizer({ levels });
    const bound = (z: tf.Tensor): tf.Tensor => {
      const halves = [1.998, 1.4985, 0.999];
      const shifts = [0, Math.atanh(0.5 / 1.4985), 0];
      return tf.div(tf.mul(tf.tanh(tf.add(z, tf.tensor1d(shifts))), tf.tensor1d(halves)), tf.tensor1d([2, 2, 1]));
    };
    const z = tf.tensor3d(randomNormal(randomKey(2), 12), [2, 2, 3]);
    expectGradientsMatchFiniteDifferences(bound, [z]);
    const gradient = (fn: (x: tf.Tensor) => tf.Tensor): tf.Tensor => tf.grad((x: tf.Tensor) => tf.sum(fn(x)))(z);
    expect(gradient((x) => quantizer.quantize(x as tf.Tensor3D).quantized)).toBeAllClose(gradient(bound));
  });

  it('refuses levels and shapes that do not fit', () => {
    const create = (levels: number[]): FiniteScalarQuantizer => new FiniteScalarQuantizer({ levels });
    expect(() => create([5, 2])).toThrow(ConfigError);
    expect(() => create([5, 2])).toThrow(
      'FiniteScalarQuantizer: expected levels to be an integer of at least 3, got 2.',
    );
    expect(() => create([])).toThrow('FiniteScalarQuantizer: expected between 2 and 2^24 codes, got 1.');
    expect(() => create([512, 512, 512])).toThrow('between 2 and 2^24 codes, got 134217728.');
    expect(() => create([600])).toThrow(
      'FiniteScalarQuantizer: expected levels to be a finite number within [3, 512], got 600.',
    );
    expect(() => create([5, 5]).quantize(tf.zeros([1, 2, 3]))).toThrow(
      'FiniteScalarQuantizer.quantize: expected shape [B, N, 2], got [1, 2, 3]. ' +
        'Project z to one channel for each of levels first.',
    );
  });
});
