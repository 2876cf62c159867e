import * as tf from '@tensorflow/tfjs-core';
import { randomKey } from '@vitvq/core';
import '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EqualLinear, fusedLeakyRelu } from '../src/index.js';
import { normal } from './helpers.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());
const key = randomKey(1);

describe('EqualLinear', () => {
  it('multiplies weight and bias by the learning rate multiplier in use', () => {
    const layer = new EqualLinear({ inFeatures: 4, outFeatures: 2, biasInit: 0.5, learningRateMultiplier: 0.1, key });
    expect(layer.bias!).toBeAllClose([5, 5]);
    expect(layer.apply(tf.zeros([1, 4]))).toBeAllClose([[0.5, 0.5]]);
    const x = normal<tf.Rank.R2>([3, 4], 1);
    const expected = tf.add(tf.matMul(x, tf.mul<tf.Tensor2D>(layer.weight, 0.1 / 2)), 0.5);
    expect(layer.apply(x)).toBeAllClose(expected);
    layer.dispose();
  });

  it('activates where asked to, and refuses what does not fit', () => {
    const layer = new EqualLinear({ inFeatures: 4, outFeatures: 2, activation: 'fused-leaky-relu', key });
    const plain = new EqualLinear({ inFeatures: 4, outFeatures: 2, key });
    const x = normal<tf.Rank.R2>([3, 4], 1);
    expect(layer.apply(x)).toBeAllClose(fusedLeakyRelu(plain.apply(x)));
    expect(() => layer.apply(tf.zeros([1, 3]))).toThrow('EqualLinear.apply: expected shape [B, 4], got [1, 3].');
    expect(() => new EqualLinear({ inFeatures: 4, outFeatures: 2, learningRateMultiplier: 0, key })).toThrow(
      'EqualLinear: expected learningRateMultiplier to be positive, got 0.',
    );
    layer.dispose();
    plain.dispose();
  });
});
