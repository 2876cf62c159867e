import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { ShapeError } from '@vitvq/core';
import { normal, tokensOf } from '@vitvq/test-models';
import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import { crossEntropy } from '../src/index.js';

it('is ln V for equal logits, and 0 for a certain token', () => {
  const tokens = tf.tensor2d([[1, 3]], [1, 2], 'int32');
  expect(crossEntropy(tf.zeros([1, 2, 4]), tokens)).toBeAllClose(Math.log(4));
  expect(crossEntropy(tf.mul(tf.oneHot(tokens, 4), 100), tokens)).toBeAllClose(0);
});

it('has the right gradient, with residual levels too', () => {
  const tokens = tokensOf([2, 3, 2], 5, 1);
  expectGradientsMatchFiniteDifferences((logits) => crossEntropy(logits, tokens), [normal([2, 3, 2, 5], 2)], {
    atol: 1e-5,
  });
});

it('counts tokens by their weights, in value and gradient', () => {
  const tokens = tokensOf([2, 3], 5, 1);
  const weights = tf.tensor2d([
    [0, 1, 1],
    [0, 0, 2],
  ]);
  const logits = normal([2, 3, 5], 2);
  const nats = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), tf.oneHot(tokens, 5)), -1));
  expect(crossEntropy(logits, tokens, weights)).toBeAllClose(tf.div(tf.sum(tf.mul(nats, weights)), 4), { atol: 1e-6 });
  expectGradientsMatchFiniteDifferences((x) => crossEntropy(x, tokens, weights), [logits], { atol: 1e-5 });
  expect(() => crossEntropy(logits, tokens, tf.ones([3, 2]))).toThrow(ShapeError);
});

it.each([-1, 4, 2 ** 31 - 1])('refuses the token %i of 4, whose place would be in another row', (token) => {
  for (const tokens of [
    [token, 0],
    [0, token],
  ]) {
    expect(() => crossEntropy(tf.zeros([2, 4]), tf.tensor1d(tokens, 'int32'))).toThrow('not in [0, 7]');
  }
});

it('refuses tokens of another shape', () => {
  expect(() => crossEntropy(tf.zeros([2, 3, 4]), tokensOf([2, 4], 4, 1))).toThrow(ShapeError);
});
