import * as tf from '@tensorflow/tfjs';
import { randomKey, randomNormal } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crossEntropy } from '../src/internal/cross-entropy.js';

describe('crossEntropy', () => {
  let features: tf.Tensor2D;
  let labels: tf.Tensor1D;
  let parameters: tf.Tensor2D;
  beforeAll(() => {
    features = tf.tensor2d(randomNormal(randomKey(1), 7 * 4), [7, 4]);
    labels = tf.tensor1d([0, 2, 1, 1, 2, 0, 2], 'int32');
    parameters = tf.tensor2d(randomNormal(randomKey(2), 4 * 3), [4, 3]);
  });
  afterAll(() => tf.dispose([features, labels, parameters]));
  const loss = (at: tf.Tensor): tf.Scalar => crossEntropy(features, labels, at as tf.Tensor2D).loss;

  it('is log K without any knowledge', () => {
    expect(loss(tf.zeros([4, 3]))).toBeAllClose(Math.log(3));
  });

  it('is what a hand computes', () => {
    // Logits 2 and 0 for one sample of class 0: log(1 + e^-2).
    const { loss: value, gradient } = crossEntropy(
      tf.tensor2d([[1, 1]]),
      tf.tensor1d([0], 'int32'),
      tf.tensor2d([
        [2, -1],
        [0, 1],
      ]),
    );
    expect(value).toBeAllClose(Math.log1p(Math.exp(-2)));
    const miss = 1 / (1 + Math.exp(2));
    expect(gradient).toBeAllClose([
      [-miss, miss],
      [-miss, miss],
    ]);
  });

  it('gives the gradient of its loss', () => {
    expect(crossEntropy(features, labels, parameters).gradient).toBeAllClose(tf.grad(loss)(parameters), { rtol: 1e-4 });
    expectGradientsMatchFiniteDifferences(loss, [parameters]);
  });

  it('stays finite for large logits', () => {
    const { loss: value, gradient } = crossEntropy(features, labels, tf.mul(parameters, 1e4));
    for (const number of [...value.dataSync(), ...gradient.dataSync()]) expect(number).toSatisfy(Number.isFinite);
  });
});
