import * as tf from '@tensorflow/tfjs-core';
import { randomKey } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BatchNorm } from '../src/index.js';
import { normal, shake } from './helpers.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());
const key = randomKey(1);

describe('BatchNorm', () => {
  it('normalises by the batch in training and moves the running statistics', () => {
    const layer = new BatchNorm({ features: 2, key });
    layer.weight.assign(tf.tensor1d([2, 1]));
    const x = tf.tensor4d([1, 10, 3, 10, 5, 10, 7, 14], [2, 1, 2, 2]);
    const y = layer.apply(x, { training: true });
    const [a, b] = [Math.sqrt(5 + 1e-5), Math.sqrt(3 + 1e-5)];
    expect(y).toBeAllClose(tf.tensor4d([-6 / a, -1 / b, -2 / a, -1 / b, 2 / a, -1 / b, 6 / a, 3 / b], [2, 1, 2, 2]));
    expect(layer.runningMean).toBeAllClose([0.4, 1.1]);
    expect(layer.runningVariance).toBeAllClose([0.9 + (0.1 * 20) / 3, 0.9 + (0.1 * 12) / 3]);
    expect(layer.batchesSeen.dataSync()[0]).toBe(1);
    const before = layer.runningMean.dataSync().slice();
    const evaluated = layer.apply(x, { training: false });
    expect(layer.runningMean).toBeAllClose(before);
    expect(evaluated.dataSync()[0]).toBeCloseTo((2 * (1 - 0.4)) / Math.sqrt(0.9 + 2 / 3 + 1e-5), 5);
    layer.dispose();
  });

  it.each([true, false])('has gradients of first and second order, training: %s', (training) => {
    const layer = new BatchNorm({ features: 2, key });
    shake(layer);
    const x = normal<tf.Rank.R4>([2, 2, 2, 2], 1);
    const cubes = (v: tf.Tensor): tf.Tensor => {
      const y = layer.apply(v as tf.Tensor4D, { training });
      return tf.mul(tf.square(y), y);
    };
    // The running statistics, which training moves at every evaluation, are no part of what it
    // returns.
    expectGradientsMatchFiniteDifferences(cubes, [x], { variables: layer.namedTrainableVariables() });
    expectGradientsMatchFiniteDifferences(
      tf.grad((v) => tf.sum(cubes(v))),
      [x],
      { atol: 2e-3 },
    );
    layer.dispose();
  });
});
