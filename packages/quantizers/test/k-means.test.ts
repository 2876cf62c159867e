import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, randomNormal, ShapeError } from '@vitvq/core';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { kMeans } from '../src/index.js';
import { describe, expect, it } from 'vitest';

describe('kMeans', () => {
  const square = tf.tensor2d([0, 0, 0, 2, 10, 0, 10, 2], [4, 2]);

  it('moves centres to the means of their rows', () => {
    const initial = tf.tensor2d([0, 0, 0, 2], [2, 2]);
    // First (0, 0), (10, 0) against (0, 2), (10, 2): a resting point.
    expect(kMeans(square, initial, { iterations: 3 })).toBeAllClose([
      [5, 0],
      [5, 2],
    ]);
    expect(kMeans(tf.reshape(square, [2, 2, 2]), tf.tensor2d([1, 1, 8, 1], [2, 2]), { iterations: 1 })).toBeAllClose([
      [0, 1],
      [10, 1],
    ]);
  });

  it('leaves centres that no row chooses', () => {
    expect(kMeans(square, tf.tensor2d([5, 1, 100, 100], [2, 2]))).toBeAllClose([
      [5, 1],
      [100, 100],
    ]);
  });

  it('never makes the mean squared distance larger', () => {
    const z = tf.tensor2d(randomNormal(randomKey(1), 400), [200, 2]);
    const initial = tf.slice(z, [0, 0], [8, 2]);
    const distance = (iterations: number): number => {
      const centres = kMeans(z, initial, { iterations });
      const differences = tf.sub(tf.expandDims(z, 1), tf.expandDims(centres, 0));
      return tf.mean(tf.min(tf.sum(tf.square(differences), 2), 1)).dataSync()[0]!;
    };
    const distances = [1, 2, 4, 8].map(distance);
    for (let index = 1; index < 4; index++) expect(distances[index]).toBeLessThanOrEqual(distances[index - 1]! + 1e-6);
    expect(distances[3]).toBeLessThan(distances[0]! * 0.97);
  });

  it('averages directions if asked for', () => {
    const z = tf.tensor2d([5, 0, 0, 0.1, -3, 0], [3, 2]);
    expect(kMeans(z, tf.tensor2d([1, 1, -1, 0], [2, 2]), { normalize: true })).toBeAllClose([
      [Math.SQRT1_2, Math.SQRT1_2],
      [-1, 0],
    ]);
  });

  it('refuses what does not fit, and leaves no tensors behind', () => {
    expect(() => kMeans(square, tf.zeros([2, 3]))).toThrow(ShapeError);
    expect(() => kMeans(square, tf.zeros([2, 3]))).toThrow('kMeans: expected z [..., 3] (codeDim), got [4, 2].');
    expect(() => kMeans(square, tf.zeros([2]) as unknown as tf.Tensor2D)).toThrow(
      'kMeans, initial: expected shape [K, E]',
    );
    expect(() => kMeans(square, tf.zeros([2, 2]), { iterations: 0 })).toThrow(ConfigError);
    const initial = tf.ones<tf.Rank.R2>([2, 2]);
    expectNoTensorLeak(() => kMeans(square, initial).dispose());
    initial.dispose();
  });
});
