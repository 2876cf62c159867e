import * as tf from '@tensorflow/tfjs';
import type { Loss } from '@vitvq/core';
import { randomKey, randomNormal, ShapeError } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { imageGradientLoss, l1Loss, l2Loss } from '../src/index.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const noise = (seed: number, ...shape: number[]): tf.Tensor =>
  tf.tensor(
    randomNormal(
      randomKey(seed),
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
  );

const losses: Record<string, Loss> = { l1Loss, l2Loss };

describe.each(Object.entries(losses))('%s', (name, loss) => {
  it('is zero for equal tensors and a scalar', () => {
    const value = loss(noise(1, 2, 3), noise(1, 2, 3));
    expect(value.shape).toEqual([]);
    expect(value).toBeAllClose(0, { atol: 0 });
  });

  it('has the value computed by hand', () => {
    const value = loss(tf.tensor2d([[1, 2]]), tf.tensor2d([[3, 5]]));
    expect(value).toBeAllClose(name === 'l1Loss' ? 2.5 : 6.5);
  });

  it('refuses shapes that differ, also those that would broadcast', () => {
    expect(() => loss(noise(1, 2, 3), noise(1, 1, 3))).toThrow(ShapeError);
    expect(() => loss(noise(1, 2, 3), noise(1, 1, 3))).toThrow(`${name}: expected shape [2, 3], got [1, 3].`);
    expect(() => loss(noise(1, 2), tf.scalar(0))).toThrow('must have the shape of');
  });

  it('refuses integers', () => {
    const bytes = tf.tensor1d([0, 255], 'int32');
    expect(() => loss(bytes, bytes)).toThrow('to be float32, got int32 [2]. Cast it; images are float32 in [0, 1].');
  });

  it('leaves no tensors behind', () => {
    const [a, b] = [noise(1, 4), noise(2, 4)];
    expectNoTensorLeak(() => loss(a, b).dispose());
  });
});

describe('gradients', () => {
  it.each([
    ['l1Loss', l1Loss],
    ['l2Loss', l2Loss],
  ])('of %s reach both arguments', (_name, loss) => {
    // No difference near 0, where |x| has its kink.
    const prediction = noise(1, 3, 4);
    const target = tf.add(prediction, tf.mul(tf.sign(noise(2, 3, 4)), 0.5));
    expectGradientsMatchFiniteDifferences((a, b) => loss(a, b), [prediction, target]);
  });
});

describe('imageGradientLoss', () => {
  const image = (...values: number[][]): tf.Tensor =>
    tf.tensor(values.flat(), [1, values.length, values[0]!.length, 1]);

  it('has the value computed by hand', () => {
    const prediction = image([1, 2, 4], [0, 5, 1]);
    const target = image([0, 2, 4], [0, 3, 1]);
    // The error is [[1, 0, 0], [0, 2, 0]]: -1, 2, 0 downwards; -1, 0, 2, -2 to the right.
    expect(imageGradientLoss(prediction, target)).toBeAllClose(5 / 3 + 9 / 4);
  });

  it('does not see what all pixels share, and sees a step more than a slope', () => {
    const flat = image([0, 0, 0, 0], [0, 0, 0, 0]);
    const [step, slope] = [image([0, 0, 3, 3], [0, 0, 3, 3]), image([0, 1, 2, 3], [0, 1, 2, 3])];
    expect(imageGradientLoss(tf.add(step, 0.5), step)).toBeAllClose(0);
    expect(imageGradientLoss(step, flat)).toBeAllClose(3);
    expect(imageGradientLoss(slope, flat)).toBeAllClose(1);
  });

  it('has the gradients of finite differences in both arguments, over channels and images', () => {
    expectGradientsMatchFiniteDifferences(imageGradientLoss, [noise(1, 2, 3, 4, 3), noise(2, 2, 3, 4, 3)]);
  });

  it('refuses what is no batch of images of several rows and columns', () => {
    expect(() => imageGradientLoss(noise(1, 4, 4, 3), noise(2, 4, 4, 3))).toThrow(
      'imageGradientLoss: expected shape [B, H, W, C], got [4, 4, 3]',
    );
    expect(() => imageGradientLoss(noise(1, 2, 1, 4, 3), noise(2, 2, 1, 4, 3))).toThrow(
      'imageGradientLoss: expected images of 2x2 pixels or more, got [2, 1, 4, 3].',
    );
    expect(() => imageGradientLoss(noise(1, 2, 4, 4, 3), noise(2, 1, 4, 4, 3))).toThrow(ShapeError);
  });

  it('leaves no tensors behind', () => {
    const [a, b] = [noise(1, 2, 3, 4, 3), noise(2, 2, 3, 4, 3)];
    expectNoTensorLeak(() => imageGradientLoss(a, b).dispose());
  });
});
