import * as tf from '@tensorflow/tfjs';
import { compile } from '@vitvq/engine';
import { randomKey, randomNormal } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { r1Penalty } from '../src/index.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const noise = <R extends tf.Rank>(seed: number, shape: tf.ShapeMap[R]): tf.Tensor<R> =>
  tf.tensor(
    randomNormal(
      randomKey(seed),
      (shape as number[]).reduce((a, b) => a * b, 1),
    ),
    shape,
  );

describe('r1Penalty', () => {
  it('is the squared length of the weight for a linear discriminator', () => {
    const weight = noise<tf.Rank.R2>(1, [12, 1]);
    const linear = (x: tf.Tensor4D): tf.Tensor => tf.matMul(tf.reshape<tf.Rank.R2>(x, [-1, 12]), weight);
    const penalty = r1Penalty(linear, noise<tf.Rank.R4>(2, [5, 2, 2, 3]));
    expect(penalty.shape).toEqual([]);
    expect(penalty).toBeAllClose(tf.sum(tf.square(weight)));
  });

  it('has the gradients of finite differences, towards weights and images', () => {
    const images = noise<tf.Rank.R4>(3, [2, 6, 6, 2]);
    const filter = tf.variable<tf.Rank.R4>(noise(4, [3, 3, 2, 3]));
    const logits = (x: tf.Tensor4D): tf.Tensor => tf.mean(tf.square(tf.conv2d(x, filter, 2, 'valid')), [1, 2, 3]);
    expectGradientsMatchFiniteDifferences((x) => r1Penalty(logits, x as tf.Tensor4D), [images], {
      variables: new Map([['filter', filter]]),
    });
  });

  it('sums logits of any shape over the images', () => {
    const images = noise<tf.Rank.R4>(5, [3, 2, 2, 1]);
    expect(r1Penalty((x) => tf.mul(x, 2), images)).toBeAllClose(4 * 4);
  });

  it('refuses what is no batch of float images', () => {
    const logits = (x: tf.Tensor): tf.Tensor => x;
    expect(() => r1Penalty(logits, tf.zeros<tf.Rank.R4>([2, 2, 3] as never))).toThrow(
      'r1Penalty: expected shape [B, H, W, C], got [2, 2, 3].',
    );
    expect(() => r1Penalty(logits, tf.zeros([1, 2, 2, 3], 'int32'))).toThrow(
      'r1Penalty: expected images to be float32, got int32 [1, 2, 2, 3].',
    );
  });

  it('leaves no tensors behind', () => {
    const images = noise<tf.Rank.R4>(6, [1, 2, 2, 1]);
    expectNoTensorLeak(() => r1Penalty((x) => tf.square(x), images).dispose());
  });
});

it('is made of products in float32, whatever the precision of the others', () => {
  const images = tf.ones<tf.Rank.R4>([2, 4, 4, 3]);
  const weight = tf.ones<tf.Rank.R2>([48, 1]);
  const text = compile(
    (x: tf.Tensor4D, w: tf.Tensor2D) => {
      const logits = (each: tf.Tensor): tf.Tensor => tf.matMul(tf.square(tf.reshape<tf.Rank.R2>(each, [2, 48])), w);
      return tf.mul(r1Penalty(logits, x), tf.sum(logits(x)));
    },
    { precision: 'bfloat16' },
  ).text(images, weight);
  const types = [...text.matchAll(/ = dot_general.* : (\w+)\[/g)].map(([, type]) => type);
  expect(types.length).toBeGreaterThan(2);
  expect(types.slice(0, -1).every((type) => type === 'float32')).toBe(true);
  expect(types.at(-1)).toBe('bfloat16');
});
