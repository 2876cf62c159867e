import * as tf from '@tensorflow/tfjs';
import { randomKey } from '@vitvq/core';
import { fusedLeakyRelu, upfirdn2d } from '@vitvq/layers';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConvLayer, minibatchStandardDeviation, StyleBlock } from '../src/index.js';
import { noise } from './helpers.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());
const key = randomKey(1);

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

  it.each([1, 3])('blurs with a kernel that is neither square nor separable, for a %i x %i filter', (kernelSize) => {
    const blurKernel = [
      [1, 0, 2],
      [0, 4, 1],
    ];
    const x = noise<tf.Rank.R4>(1, [1, 6, 8, 2]);
    const taps = tf.div<tf.Tensor2D>(tf.tensor2d(blurKernel), 8);
    const down = kernelSize === 1 ? 2 : 1;
    // Along the width 3 - 2 taps and along the height 2 - 2 taps stand out, and the filter's.
    const halving = kernelSize === 1 ? ([1, 0, 0, 0] as const) : ([2, 1, 1, 1] as const);
    for (const blurPadding of [undefined, [3, 1, 0, 2]] as const) {
      const options = { inChannels: 2, outChannels: 3, kernelSize, downsample: true, blurKernel, blurPadding, key };
      const layer = new ConvLayer(options);
      const y = layer.apply(x);
      if (!blurPadding) expect(y.shape).toEqual([1, 3, 4, 3]);
      const blurred = upfirdn2d(x, taps, { pad: blurPadding ?? halving, down });
      expect(y).toBeAllClose(fusedLeakyRelu(layer.convolution.apply(blurred), layer.bias));
      layer.dispose();
    }
  });

  it('has gradients of first and second order with an asymmetric blur', () => {
    const layer = new ConvLayer({
      inChannels: 1,
      outChannels: 2,
      kernelSize: 3,
      downsample: true,
      blurKernel: [
        [1, 0, 2],
        [0, 4, 1],
      ],
      blurPadding: [2, 1, 0, 3],
      activate: false,
      key,
    });
    const x = noise<tf.Rank.R4>(1, [1, 4, 4, 1]);
    const cubes = (images: tf.Tensor): tf.Tensor => {
      const y = layer.apply(images as tf.Tensor4D);
      return tf.mul(tf.square(y), y);
    };
    expectGradientsMatchFiniteDifferences(cubes, [x], { variables: layer.namedVariables() });
    expectGradientsMatchFiniteDifferences(
      tf.grad((images) => tf.sum(cubes(images))),
      [x],
      { variables: layer.namedVariables(), atol: 2e-3 },
    );
    layer.dispose();
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
    ).toThrow(
      'ConvLayer: expected blurKernel to be one or more finite numbers, or rows of equal length, whose sum is not 0, got [].',
    );
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
