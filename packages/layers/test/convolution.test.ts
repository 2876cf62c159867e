import * as tf from '@tensorflow/tfjs-core';
import { constantInitializer, randomKey } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import {
  Convolution,
  pointwiseConvolution,
  pointwiseConvolutionReferenceWeights,
  upsampleNearest,
} from '../src/index.js';
import { describe, expect, it } from 'vitest';
import { normal } from './helpers.js';

const counted = (shape: [number, number, number, number]): tf.Tensor4D =>
  tf.reshape(tf.range(1, shape.reduce((a, b) => a * b, 1) + 1), shape);

describe('Convolution', () => {
  it('sums neighbours, with zeros evenly around the image', () => {
    const convolution = new Convolution({ inChannels: 1, outChannels: 1, key: randomKey(0) });
    convolution.weight.assign(tf.ones([3, 3, 1, 1]));
    convolution.bias!.assign(tf.tensor1d([100]));
    // 1 2 3 / 4 5 6
    expect(tf.reshape(convolution.apply(counted([1, 2, 3, 1])), [2, 3])).toBeAllClose([
      [112, 121, 116],
      [112, 121, 116],
    ]);
  });

  it('halves images of even size with zeros below and on the right only', () => {
    const convolution = new Convolution({ inChannels: 1, outChannels: 1, stride: 2, key: randomKey(0) });
    convolution.bias!.assign(tf.zeros([1]));
    const tap = (row: number, column: number): tf.Tensor => {
      const places = tf.oneHot(3 * row + column, 9);
      convolution.weight.assign(tf.cast(tf.reshape(places, [3, 3, 1, 1]), 'float32'));
      return tf.reshape(convolution.apply(counted([1, 4, 4, 1])), [2, 2]);
    };
    expect(tap(0, 0)).toBeAllClose([
      [1, 3],
      [9, 11],
    ]);
    expect(tap(2, 2)).toBeAllClose([
      [11, 0],
      [0, 0],
    ]);
  });

  it("starts as PyTorch's nn.Conv2d", () => {
    const { weight, bias } = new Convolution({ inChannels: 4, outChannels: 32, key: randomKey(0) });
    for (const variable of [weight, bias]) {
      const largest = tf.max(tf.abs(variable!)).dataSync()[0]!;
      expect(largest).toBeLessThanOrEqual(1 / 6);
      expect(largest).toBeGreaterThan(1 / 7);
    }
  });

  it.each([1, 2])('has the right gradients with stride %i', (stride) => {
    const convolution = new Convolution({ inChannels: 2, outChannels: 3, stride, key: randomKey(0) });
    expectGradientsMatchFiniteDifferences((x) => convolution.apply(x as tf.Tensor4D), [normal([2, 4, 6, 2], 1)], {
      variables: convolution.namedVariables(),
    });
  });

  it.each([
    { padding: 1, sides: [1, 1, 1, 1] },
    { padding: [2, 0], sides: [2, 0, 2, 0] },
    { padding: [0, 3, 2, 1], sides: [0, 3, 2, 1] },
  ] as const)('puts zeros at each side: $padding', ({ padding, sides: [left, right, top, bottom] }) => {
    const options = { inChannels: 2, outChannels: 3, kernelSize: 2, stride: 2, padding, useBias: false };
    const convolution = new Convolution({ ...options, key: randomKey(0) });
    const x = normal<tf.Rank.R4>([1, 4, 5, 2], 1);
    const y = convolution.apply(x);
    const [weight, pixels] = [convolution.weight.arraySync(), x.arraySync()[0]!];
    const at = (row: number, column: number, channel: number): number => pixels[row]?.[column]?.[channel] ?? 0;
    const expected = Array.from({ length: Math.floor((4 + top + bottom - 2) / 2) + 1 }, (_, row) =>
      Array.from({ length: Math.floor((5 + left + right - 2) / 2) + 1 }, (__, column) =>
        [0, 1, 2].map((out) =>
          [0, 1, 2, 3].reduce((sum, tap) => {
            const [i, j] = [tap >> 1, tap & 1];
            return [0, 1].reduce(
              (part, c) => part + weight[i]![j]![c]![out]! * at(2 * row + i - top, 2 * column + j - left, c),
              sum,
            );
          }, 0),
        ),
      ),
    );
    expect(y).toBeAllClose(tf.tensor4d([expected]));
    expectGradientsMatchFiniteDifferences((images) => convolution.apply(images as tf.Tensor4D), [x], {
      variables: convolution.namedVariables(),
    });
  });

  it('starts with the weights of its initializers, frozen where that is asked for', () => {
    const zero = constantInitializer(0);
    const convolution = new Convolution({
      inChannels: 1,
      outChannels: 2,
      initializer: constantInitializer(3),
      biasInitializer: zero,
      trainable: false,
      key: randomKey(0),
    });
    expect(convolution.trainableVariables()).toEqual([]);
    expect([...convolution.namedVariables().keys()]).toEqual(['weight', 'bias']);
    expect(convolution.apply(tf.ones([1, 1, 1, 1]))).toBeAllClose(tf.fill([1, 1, 1, 2], 3));
  });

  it('refuses other channels, and sizes that are no sizes', () => {
    const convolution = new Convolution({ inChannels: 2, outChannels: 1, key: randomKey(0) });
    expect(() => convolution.apply(tf.ones([1, 2, 2, 3]))).toThrow(
      'Convolution.apply: expected shape [B, H, W, 2], got [1, 2, 2, 3].',
    );
    expect(() => new Convolution({ inChannels: 1, outChannels: 0, key: randomKey(0) })).toThrow('outChannels');
    expect(() => new Convolution({ inChannels: 1, outChannels: 1, padding: [1, -1], key: randomKey(0) })).toThrow(
      'Convolution: expected padding to be an integer, [before, after] or [left, right, top, bottom], ' +
        'of integers of at least 0, got [1,-1].',
    );
  });
});

describe('pointwiseConvolution', () => {
  it('is a 1x1 convolution, whose PyTorch layout it has a table for', () => {
    const linear = pointwiseConvolution(2, 3, randomKey(0));
    const x = normal<tf.Rank.R4>([1, 2, 2, 2], 1);
    const kernel = tf.reshape<tf.Rank.R4>(linear.weight, [1, 1, 2, 3]);
    expect(linear.apply(x)).toBeAllClose(tf.add(tf.conv2d(x, kernel, 1, 'same'), linear.bias!), { rtol: 1e-5 });
    const [weight] = pointwiseConvolutionReferenceWeights();
    const theirs = { shape: [3, 2, 1, 1], data: Float32Array.from([1, 2, 3, 4, 5, 6]) };
    const ours = weight!.fromReference(theirs);
    expect(ours).toEqual({ shape: [2, 3], data: Float32Array.from([1, 3, 5, 2, 4, 6]) });
    expect(weight!.toReference(ours)).toEqual(theirs);
  });
});

describe('upsampleNearest', () => {
  it('repeats every pixel in both directions', () => {
    expect(upsampleNearest(tf.tensor4d([1, 10, 2, 20], [1, 1, 2, 2]))).toBeAllClose([
      [
        [
          [1, 10],
          [1, 10],
          [2, 20],
          [2, 20],
        ],
        [
          [1, 10],
          [1, 10],
          [2, 20],
          [2, 20],
        ],
      ],
    ]);
    const two = counted([2, 2, 3, 1]);
    expect(upsampleNearest(two)).toBeAllClose(tf.image.resizeNearestNeighbor(two, [4, 6]));
  });

  it('has the right gradients, and keeps no tensor', () => {
    const x = normal([2, 2, 3, 2], 1);
    expectGradientsMatchFiniteDifferences((y) => upsampleNearest(y as tf.Tensor4D), [x]);
    expectNoTensorLeak(() => upsampleNearest(x as tf.Tensor4D).dispose());
  });
});
