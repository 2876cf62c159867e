import * as tf from '@tensorflow/tfjs';
import { ConfigError, ShapeError } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blurKernel, upfirdn2d } from '../src/index.js';
import { noise } from './helpers.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

/** The definition, element by element. */
function direct(
  x: number[][],
  kernel: number[][],
  up: number,
  down: number,
  [before, after]: readonly [number, number],
): number[][] {
  const at = (row: number, column: number): number => {
    const [i, j] = [row - before, column - before];
    if (i < 0 || j < 0 || i % up !== 0 || j % up !== 0) return 0;
    return x[i / up]?.[j / up] ?? 0;
  };
  const rows = Math.floor((x.length * up + before + after - kernel.length) / down) + 1;
  const columns = Math.floor((x[0]!.length * up + before + after - kernel[0]!.length) / down) + 1;
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: columns }, (__, column) =>
      kernel.reduce(
        (sum, taps, i) =>
          taps.reduce(
            (part, tap, j) =>
              part + tap * at(row * down + kernel.length - 1 - i, column * down + kernel[0]!.length - 1 - j),
            sum,
          ),
        0,
      ),
    ),
  );
}

describe('upfirdn2d', () => {
  it.each([
    { up: 1, down: 1, pad: [0, 0] },
    { up: 1, down: 1, pad: [2, 1] },
    { up: 2, down: 1, pad: [1, 1] },
    { up: 1, down: 2, pad: [1, 2] },
    { up: 3, down: 2, pad: [2, 0] },
    { up: 2, down: 1, pad: [-1, -2] },
    { up: 1, down: 1, pad: [3, -1] },
  ] as const)('follows the definition: $up, $down, $pad', ({ up, down, pad }) => {
    const x = noise<tf.Rank.R4>(1, [2, 5, 6, 3]);
    const kernel = noise<tf.Rank.R2>(2, [3, 2]);
    const y = upfirdn2d(x, kernel, { up, down, pad }).arraySync();
    const images = x.arraySync();
    images.forEach((image, index) => {
      for (let channel = 0; channel < 3; channel++) {
        const plane = image.map((row) => row.map((pixel) => pixel[channel]!));
        const expected = direct(plane, kernel.arraySync(), up, down, pad);
        expect(y[index]!.map((row) => row.map((pixel) => pixel[channel]!))).toBeAllClose(expected);
      }
    });
  });

  it('has gradients of first and second order', () => {
    const x = noise<tf.Rank.R4>(3, [1, 5, 5, 2]);
    const kernel = noise<tf.Rank.R2>(4, [3, 3]);
    const apply = (images: tf.Tensor): tf.Tensor =>
      upfirdn2d(images as tf.Tensor4D, kernel, { up: 2, down: 2, pad: [1, 2] });
    expectGradientsMatchFiniteDifferences(apply, [x]);
    expectGradientsMatchFiniteDifferences(
      tf.grad((images) => tf.sum(tf.mul(tf.square(apply(images)), apply(images)))),
      [x],
    );
  });

  it('refuses what does not fit', () => {
    const x = tf.zeros<tf.Rank.R4>([1, 2, 2, 1]);
    const kernel = tf.ones<tf.Rank.R2>([4, 4]);
    expect(() => upfirdn2d(x, kernel, { pad: [1, 0] })).toThrow(ConfigError);
    expect(() => upfirdn2d(x, kernel, { pad: [1, 0] })).toThrow(
      'upfirdn2d: expected at least as many pixels as the kernel 4x4 after padding by [1, 0], got 3x3.',
    );
    expect(() => upfirdn2d(x, kernel, { up: 0 })).toThrow('up to be an integer of at least 1, got 0');
    expect(() => upfirdn2d(tf.zeros<tf.Rank.R4>([2, 2, 1] as never), kernel)).toThrow(ShapeError);
  });

  it('leaves no tensors behind', () => {
    const x = noise<tf.Rank.R4>(1, [1, 4, 4, 1]);
    const kernel = tf.ones<tf.Rank.R2>([2, 2]);
    expectNoTensorLeak(() => upfirdn2d(x, kernel, { up: 2, pad: [1, -1] }).dispose());
  });
});

describe('blurKernel', () => {
  it('is the normalised outer product', () => {
    const kernel = blurKernel([1, 3, 3, 1]);
    expect(kernel.shape).toEqual([4, 4]);
    expect(kernel.data[0]).toBeCloseTo(1 / 64);
    expect(kernel.data[5]).toBeCloseTo(9 / 64);
    expect(kernel.data.reduce((sum, value) => sum + value, 0)).toBeCloseTo(1);
  });

  it.each([[[]], [[1, -1]], [[NaN]]])('refuses %j', (taps) => {
    expect(() => blurKernel(taps)).toThrow('blurKernel to be one or more finite numbers whose sum is not 0');
  });
});
