import * as tf from '@tensorflow/tfjs-core';
import { randomKey } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EqualConv2d } from '../src/index.js';
import { normal, shake } from './helpers.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());
const key = randomKey(1);

describe('EqualConv2d', () => {
  it('scales its weight by 1 / sqrt(fan-in) in use', () => {
    const layer = new EqualConv2d({ inChannels: 2, outChannels: 3, kernelSize: 3, padding: 1, key });
    shake(layer);
    const x = normal<tf.Rank.R4>([1, 4, 4, 2], 1);
    const expected = tf.add(tf.conv2d(x, tf.div<tf.Tensor4D>(layer.weight, Math.sqrt(18)), 1, 1), layer.bias!);
    expect(layer.apply(x)).toBeAllClose(expected);
    layer.dispose();
  });

  it('keeps the variance of its input when it is new', () => {
    const layer = new EqualConv2d({ inChannels: 32, outChannels: 64, kernelSize: 3, useBias: false, key });
    const { variance } = tf.moments(layer.apply(normal<tf.Rank.R4>([1, 8, 8, 32], 2)));
    expect(variance.dataSync()[0]).toBeGreaterThan(0.8);
    expect(variance.dataSync()[0]).toBeLessThan(1.2);
    layer.dispose();
  });

  it.each([1, [2, 0], [0, 2, 1, 3]] as const)('has gradients of first and second order with padding %j', (padding) => {
    const layer = new EqualConv2d({ inChannels: 2, outChannels: 2, kernelSize: 2, stride: 2, padding, key });
    shake(layer);
    const x = normal<tf.Rank.R4>([1, 4, 3, 2], 1);
    const [left, right, top, bottom] =
      typeof padding === 'number'
        ? [padding, padding, padding, padding]
        : padding.length === 2
          ? [...padding, ...padding]
          : padding;
    const padded = tf.pad(x, [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ]);
    const filter = tf.div<tf.Tensor4D>(layer.weight, Math.sqrt(8));
    expect(layer.apply(x)).toBeAllClose(tf.add(tf.conv2d(padded, filter, 2, 'valid'), layer.bias!));
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
