import * as tf from '@tensorflow/tfjs';
import { ConfigError, ShapeError } from '@vitvq/core';
import { normal, tokensOf } from '@vitvq/test-models';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { expect, it } from 'vitest';
import { crossEntropy, smoothedCrossEntropy } from '../src/index.js';

const classes = tokensOf<tf.Rank.R1>([3], 5, 1);
const logits = normal<tf.Rank.R2>([3, 5], 2);

it('is the cross-entropy with the smoothed distribution', () => {
  const target = tf.add(tf.mul(tf.oneHot(classes, 5), 0.9), 0.1 / 5);
  const expected = tf.neg(tf.mean(tf.sum(tf.mul(target, tf.logSoftmax(logits)), 1)));
  expect(smoothedCrossEntropy(logits, classes, 0.1)).toBeAllClose(expected, { atol: 1e-6 });
  // By hand: -(0.95 ln 0.8 + 0.05 ln 0.2) for two classes and a smoothing of 0.1.
  const two = tf.tensor2d([[Math.log(0.8), Math.log(0.2)]]);
  expect(smoothedCrossEntropy(two, tf.tensor1d([0], 'int32'), 0.1)).toBeAllClose(0.2924583, { atol: 1e-6 });
});

it('is the plain cross-entropy without smoothing', () => {
  expect(smoothedCrossEntropy(logits, classes, 0)).toBeAllClose(crossEntropy(logits, classes), { rtol: 0, atol: 0 });
});

it('has the right gradient', () => {
  expectGradientsMatchFiniteDifferences((x) => smoothedCrossEntropy(x as tf.Tensor2D, classes, 0.2), [logits], {
    atol: 1e-5,
  });
});

it('leaves no tensors behind', () => {
  expectNoTensorLeak(() => smoothedCrossEntropy(logits, classes, 0.2).dispose());
});

it('refuses other shapes and smoothings', () => {
  expect(() => smoothedCrossEntropy(logits, tokensOf<tf.Rank.R1>([4], 5, 1), 0.1)).toThrow(ShapeError);
  expect(() => smoothedCrossEntropy(normal([1, 3, 5], 2) as never, classes, 0.1)).toThrow(ShapeError);
  expect(() => smoothedCrossEntropy(logits, classes, 1.1)).toThrow(ConfigError);
});
