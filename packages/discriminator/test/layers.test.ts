import * as tf from '@tensorflow/tfjs';
import { randomKey } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  ActNorm,
  BatchNorm,
  ConvLayer,
  EqualConv2d,
  EqualLinear,
  fusedLeakyRelu,
  leakyRelu,
  minibatchStandardDeviation,
  StyleBlock,
} from '../src/index.js';
import { noise, shake } from './helpers.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());
const key = randomKey(1);

describe('leakyRelu', () => {
  it('has the values and slopes of the definition', () => {
    const x = tf.tensor1d([-2, 0, 3]);
    expect(leakyRelu(x, 0.1)).toBeAllClose([-0.2, 0, 3]);
    expect(tf.grad((v) => leakyRelu(v, 0.1))(x)).toBeAllClose([0.1, 0.1, 1]);
    expect(fusedLeakyRelu(x, tf.tensor1d([0, -1, 1]))).toBeAllClose([-0.4, -0.2, 4].map((v) => v * Math.SQRT2));
    expect(fusedLeakyRelu(x)).toBeAllClose([-0.4, 0, 3].map((v) => v * Math.SQRT2));
  });

  it('can be differentiated twice', () => {
    const x = tf.tensor1d([-2, 3]);
    const second = tf.grad(tf.grad((v) => tf.square(leakyRelu(v, 0.5))))(x);
    expect(second).toBeAllClose([0.5, 2]);
  });
});

describe('EqualConv2d', () => {
  it('scales its weight by 1 / sqrt(fan-in) in use', () => {
    const layer = new EqualConv2d({ inChannels: 2, outChannels: 3, kernelSize: 3, padding: 1, key });
    shake(layer);
    const x = noise<tf.Rank.R4>(1, [1, 4, 4, 2]);
    const expected = tf.add(tf.conv2d(x, tf.div<tf.Tensor4D>(layer.weight, Math.sqrt(18)), 1, 1), layer.bias!);
    expect(layer.apply(x)).toBeAllClose(expected);
    layer.dispose();
  });

  it('keeps the variance of its input when it is new', () => {
    const layer = new EqualConv2d({ inChannels: 32, outChannels: 64, kernelSize: 3, useBias: false, key });
    const { variance } = tf.moments(layer.apply(noise<tf.Rank.R4>(2, [1, 8, 8, 32])));
    expect(variance.dataSync()[0]).toBeGreaterThan(0.8);
    expect(variance.dataSync()[0]).toBeLessThan(1.2);
    layer.dispose();
  });

  it('refuses what does not fit', () => {
    expect(() => new EqualConv2d({ inChannels: 0, outChannels: 1, kernelSize: 1, key })).toThrow(
      'EqualConv2d: expected inChannels to be an integer of at least 1, got 0.',
    );
    const layer = new EqualConv2d({ inChannels: 2, outChannels: 1, kernelSize: 1, key });
    expect(() => layer.apply(tf.zeros([1, 4, 4, 3]))).toThrow(
      'EqualConv2d.apply: expected shape [B, H, W, 2], got [1, 4, 4, 3].',
    );
    layer.dispose();
  });
});

describe('EqualLinear', () => {
  it('multiplies weight and bias by the learning rate multiplier in use', () => {
    const layer = new EqualLinear({ inFeatures: 4, outFeatures: 2, biasInit: 0.5, learningRateMultiplier: 0.1, key });
    expect(layer.bias!).toBeAllClose([5, 5]);
    expect(layer.apply(tf.zeros([1, 4]))).toBeAllClose([[0.5, 0.5]]);
    const x = noise<tf.Rank.R2>(1, [3, 4]);
    const expected = tf.add(tf.matMul(x, tf.mul<tf.Tensor2D>(layer.weight, 0.1 / 2)), 0.5);
    expect(layer.apply(x)).toBeAllClose(expected);
    layer.dispose();
  });

  it('activates where asked to, and refuses what does not fit', () => {
    const layer = new EqualLinear({ inFeatures: 4, outFeatures: 2, activation: 'fused-leaky-relu', key });
    const plain = new EqualLinear({ inFeatures: 4, outFeatures: 2, key });
    const x = noise<tf.Rank.R2>(1, [3, 4]);
    expect(layer.apply(x)).toBeAllClose(fusedLeakyRelu(plain.apply(x)));
    expect(() => layer.apply(tf.zeros([1, 3]))).toThrow('EqualLinear.apply: expected shape [B, 4], got [1, 3].');
    expect(() => new EqualLinear({ inFeatures: 4, outFeatures: 2, learningRateMultiplier: 0, key })).toThrow(
      'EqualLinear: expected learningRateMultiplier to be positive, got 0.',
    );
    layer.dispose();
    plain.dispose();
  });
});

describe('ConvLayer and StyleBlock', () => {
  it.each([1, 3])('halves with a %i x %i filter for blurs of several lengths', (kernelSize) => {
    for (const blurKernel of [
      [1, 1],
      [1, 2, 1],
      [1, 3, 3, 1],
    ]) {
      const layer = new ConvLayer({ inChannels: 2, outChannels: 3, kernelSize, downsample: true, blurKernel, key });
      expect(layer.apply(tf.ones([1, 6, 8, 2])).shape).toEqual([1, 3, 4, 3]);
      layer.dispose();
    }
  });

  it('uses the blur kernel, also within a block', () => {
    const x = noise<tf.Rank.R4>(1, [1, 8, 8, 2]);
    const outputs = [
      [1, 1],
      [1, 3, 3, 1],
    ].map((blurKernel) => {
      const block = new StyleBlock({ inChannels: 2, outChannels: 2, blurKernel, key });
      const y = block.apply(x).dataSync();
      block.dispose();
      return y;
    });
    expect(outputs[0]).not.toBeAllClose(outputs[1]!);
  });

  it('names the layer that refuses a blur', () => {
    expect(
      () => new ConvLayer({ inChannels: 1, outChannels: 1, kernelSize: 3, downsample: true, blurKernel: [], key }),
    ).toThrow('ConvLayer: expected blurKernel to be one or more finite numbers whose sum is not 0, got [].');
  });

  it('leaves no tensors behind', () => {
    const block = new StyleBlock({ inChannels: 2, outChannels: 3, key });
    const x = noise<tf.Rank.R4>(1, [1, 4, 4, 2]);
    expectNoTensorLeak(() => block.apply(x).dispose());
    block.dispose();
  });
});

describe('minibatchStandardDeviation', () => {
  /** Group members by the rule: the smallest divisor of the batch that is at least 4. */
  it.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 4],
    [5, 5],
    [6, 6],
    [8, 4],
    [9, 9],
    [11, 11],
    [12, 4],
    [14, 7],
  ])('a batch of %i has groups of %i', (batch, members) => {
    const x = noise<tf.Rank.R4>(batch, [batch, 2, 1, 3]);
    const y = minibatchStandardDeviation(x);
    expect(y.shape).toEqual([batch, 2, 1, 4]);
    expect(tf.slice(y, [0, 0, 0, 0], [batch, 2, 1, 3])).toBeAllClose(x);
    const values = x.dataSync();
    const groups = batch / members;
    const expected = Array.from({ length: batch }, (_, image) => {
      const group = image % groups;
      let total = 0;
      for (let place = 0; place < 6; place++) {
        const samples = Array.from({ length: members }, (__, member) => values[(member * groups + group) * 6 + place]!);
        const mean = samples.reduce((a, b) => a + b) / members;
        total += Math.sqrt(samples.reduce((sum, v) => sum + (v - mean) ** 2, 0) / members + 1e-8);
      }
      return [total / 6, total / 6];
    });
    expect(tf.slice(y, [0, 0, 0, 3], [batch, 2, 1, 1])).toBeAllClose(tf.tensor(expected, [batch, 2, 1, 1]), {
      atol: 1e-5,
    });
  });

  it('has gradients of first and second order', () => {
    const x = noise<tf.Rank.R4>(3, [4, 2, 1, 2]);
    const apply = (images: tf.Tensor): tf.Tensor => minibatchStandardDeviation(images as tf.Tensor4D, 2);
    expectGradientsMatchFiniteDifferences(apply, [x]);
    expectGradientsMatchFiniteDifferences(
      tf.grad((v) => tf.sum(tf.square(apply(v)))),
      [x],
    );
  });

  it('refuses a group of 0', () => {
    expect(() => minibatchStandardDeviation(tf.zeros([1, 1, 1, 1]), 0)).toThrow(
      'group to be an integer of at least 1, got 0',
    );
  });
});

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
    const x = noise<tf.Rank.R4>(1, [2, 2, 2, 2]);
    const cubes = (v: tf.Tensor): tf.Tensor => {
      const y = layer.apply(v as tf.Tensor4D, { training });
      return tf.mul(tf.square(y), y);
    };
    // The running statistics, which training moves at every evaluation, are no part of what it returns.
    expectGradientsMatchFiniteDifferences(cubes, [x], { variables: layer.namedTrainableVariables() });
    expectGradientsMatchFiniteDifferences(
      tf.grad((v) => tf.sum(cubes(v))),
      [x],
      { atol: 2e-3 },
    );
    layer.dispose();
  });
});

describe('ActNorm', () => {
  it('starts from the first training batch and stays', () => {
    const layer = new ActNorm({ features: 2, key });
    const x = tf.add(tf.mul(noise<tf.Rank.R4>(1, [4, 3, 3, 2]), 3), 2);
    expect(layer.apply(x as tf.Tensor4D, { training: false })).toBeAllClose(x);
    const y = layer.apply(x as tf.Tensor4D, { training: true });
    const { mean, variance } = tf.moments(y, [0, 1, 2]);
    expect(mean).toBeAllClose([0, 0], { atol: 1e-5 });
    expect(variance).toBeAllClose([35 / 36, 35 / 36], { rtol: 1e-4 });
    const loc = layer.loc.dataSync().slice();
    layer.apply(noise<tf.Rank.R4>(2, [1, 3, 3, 2]), { training: true });
    expect(layer.loc).toBeAllClose(loc, { atol: 0, rtol: 0 });
    expect(layer.initialized.dataSync()[0]).toBe(1);
    layer.dispose();
  });

  it('waits for a batch that is finite', () => {
    const layer = new ActNorm({ features: 2, key });
    const x = noise<tf.Rank.R4>(1, [2, 3, 3, 2]);
    layer.apply(tf.mul(x, NaN), { training: true });
    expect(layer.loc).toBeAllClose([0, 0], { atol: 0 });
    expect(layer.scale).toBeAllClose([1, 1], { atol: 0, rtol: 0 });
    expect(layer.initialized.dataSync()[0]).toBe(0);
    expect(tf.mean(layer.apply(x, { training: true }), [0, 1, 2])).toBeAllClose([0, 0], { atol: 1e-5 });
    layer.dispose();
  });

  it('can be inverted and knows its determinant', () => {
    const layer = new ActNorm({ features: 2, key });
    layer.scale.assign(tf.tensor1d([2, -0.5]));
    layer.loc.assign(tf.tensor1d([1, 3]));
    const x = noise<tf.Rank.R4>(1, [2, 3, 4, 2]);
    expect(layer.invert(layer.apply(x, { training: false }))).toBeAllClose(x, { atol: 1e-5 });
    expect(layer.logDeterminant(3, 4)).toBeAllClose(0);
    layer.scale.assign(tf.tensor1d([2, 2]));
    expect(layer.logDeterminant(3, 4)).toBeAllClose(24 * Math.log(2));
    layer.dispose();
  });
});
