import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, ShapeError } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { upfirdn2d } from '../src/index.js';
import { normal } from './helpers.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

type FourSides = readonly [left: number, right: number, top: number, bottom: number];

/** The definition, element by element. */
function direct(
  x: number[][],
  kernel: number[][],
  up: number,
  down: number,
  [left, right, top, bottom]: FourSides,
): number[][] {
  const at = (row: number, column: number): number => {
    const [i, j] = [row - top, column - left];
    if (i < 0 || j < 0 || i % up !== 0 || j % up !== 0) return 0;
    return x[i / up]?.[j / up] ?? 0;
  };
  const rows = Math.floor((x.length * up + top + bottom - kernel.length) / down) + 1;
  const columns = Math.floor((x[0]!.length * up + left + right - kernel[0]!.length) / down) + 1;
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
    { up: 1, down: 1, pad: 0, sides: [0, 0, 0, 0] },
    { up: 1, down: 2, pad: 2, sides: [2, 2, 2, 2] },
    { up: 1, down: 1, pad: [2, 1], sides: [2, 1, 2, 1] },
    { up: 2, down: 1, pad: [1, 1], sides: [1, 1, 1, 1] },
    { up: 1, down: 2, pad: [1, 2], sides: [1, 2, 1, 2] },
    { up: 3, down: 2, pad: [2, 0], sides: [2, 0, 2, 0] },
    { up: 2, down: 1, pad: [-1, -2], sides: [-1, -2, -1, -2] },
    { up: 1, down: 1, pad: [3, -1], sides: [3, -1, 3, -1] },
    { up: 1, down: 1, pad: [3, 0, 1, 2], sides: [3, 0, 1, 2] },
    { up: 2, down: 3, pad: [0, 4, 3, 1], sides: [0, 4, 3, 1] },
    { up: 2, down: 1, pad: [-2, 3, 1, -4], sides: [-2, 3, 1, -4] },
    { up: 1, down: 2, pad: [0, -3, -2, 0], sides: [0, -3, -2, 0] },
  ] as const)('follows the definition: up $up, down $down, pad $pad', ({ up, down, pad, sides }) => {
    const x = normal<tf.Rank.R4>([2, 5, 6, 3], 1);
    // Random kernels are not separable; their sides differ.
    for (const size of [
      [3, 2],
      [1, 3],
      [2, 1],
    ]) {
      const kernel = normal<tf.Rank.R2>(size, 2);
      const y = upfirdn2d(x, kernel, { up, down, pad }).arraySync();
      x.arraySync().forEach((image, index) => {
        for (let channel = 0; channel < 3; channel++) {
          const plane = image.map((row) => row.map((pixel) => pixel[channel]!));
          const expected = direct(plane, kernel.arraySync(), up, down, sides);
          expect(y[index]!.map((row) => row.map((pixel) => pixel[channel]!))).toBeAllClose(expected);
        }
      });
    }
  });

  it.each([
    { up: 1, down: 1, pad: [2, 1] },
    { up: 2, down: 1, pad: [3, 0, 1, 2] },
    { up: 3, down: 2, pad: [2, -1, 0, 3] },
    { up: 1, down: 3, pad: [0, -2, 1, 0] },
  ] as const)('filters the same by the taps of each axis: up $up, down $down, pad $pad', (options) => {
    const taps = { vertical: [0.5, -1, 2], horizontal: [1, 3, 3, 1] };
    const kernel = tf.outerProduct(tf.tensor1d(taps.vertical), tf.tensor1d(taps.horizontal));
    // The longer image is filtered by a convolution.
    for (const shape of [
      [2, 7, 6, 3],
      [1, 3, 260, 1],
    ]) {
      const x = normal<tf.Rank.R4>(shape, 5);
      expect(upfirdn2d(x, taps, options)).toBeAllClose(upfirdn2d(x, kernel, options), { atol: 1e-5 });
    }
    const x = normal<tf.Rank.R4>([1, 5, 6, 2], 3);
    const apply = (images: tf.Tensor): tf.Tensor => upfirdn2d(images as tf.Tensor4D, taps, options);
    expectGradientsMatchFiniteDifferences(apply, [x]);
    const cubes = (images: tf.Tensor): tf.Tensor => {
      const y = apply(images);
      return tf.sum(tf.mul(tf.square(y), y));
    };
    expectGradientsMatchFiniteDifferences((images) => tf.grad(cubes)(images), [x], { atol: 2e-2 });
  });

  it.each([
    { up: 2, down: 2, pad: [1, 2] },
    { up: 2, down: 1, pad: [3, 0, 1, 2] },
    { up: 1, down: 2, pad: [-1, 2, 2, -2] },
  ] as const)('has gradients of first and second order: up $up, down $down, pad $pad', (options) => {
    const x = normal<tf.Rank.R4>([1, 5, 5, 2], 3);
    const kernel = normal<tf.Rank.R2>([3, 2], 4);
    const apply = (images: tf.Tensor, taps: tf.Tensor): tf.Tensor =>
      upfirdn2d(images as tf.Tensor4D, taps as tf.Tensor2D, options);
    expectGradientsMatchFiniteDifferences(apply, [x, kernel]);
    const cubes = (images: tf.Tensor, taps: tf.Tensor): tf.Tensor => {
      const y = apply(images, taps);
      return tf.sum(tf.mul(tf.square(y), y));
    };
    // The gradient is smooth in the images; their derivative is what R1 asks for.
    expectGradientsMatchFiniteDifferences(
      tf.grad((images) => cubes(images, kernel)),
      [x],
      { atol: 2e-3 },
    );
  });

  it('refuses what does not fit', () => {
    const x = tf.zeros<tf.Rank.R4>([1, 2, 2, 1]);
    const kernel = tf.ones<tf.Rank.R2>([4, 4]);
    expect(() => upfirdn2d(x, kernel, { pad: [1, 0] })).toThrow(ConfigError);
    expect(() => upfirdn2d(x, kernel, { pad: [1, 0, 2, 2] })).toThrow(
      'upfirdn2d: expected at least as many pixels as the kernel 4x4 after padding by [1, 0, 2, 2], got 6x3.',
    );
    expect(() => upfirdn2d(x, kernel, { pad: [1, 2, 3] as never })).toThrow(
      'upfirdn2d: expected pad to be an integer, [before, after] or [left, right, top, bottom], got [1,2,3].',
    );
    expect(() => upfirdn2d(x, { vertical: [1], horizontal: [] })).toThrow(
      'upfirdn2d: expected kernel to be a tensor [kh, kw], or taps with horizontal as one or more finite numbers, got horizontal [].',
    );
    expect(() => upfirdn2d(x, { vertical: [1, NaN], horizontal: [1] })).toThrow('got vertical [1,null]');
    expect(() => upfirdn2d(x, { vertical: [1, 1, 1], horizontal: [1, 1] })).toThrow(ConfigError);
    expect(() => upfirdn2d(x, { horizontal: [1] } as never)).toThrow('got vertical undefined');
    expect(() => upfirdn2d(x, kernel, { pad: 0.5 })).toThrow(ConfigError);
    expect(() => upfirdn2d(x, kernel, { up: 0 })).toThrow('up to be an integer of at least 1, got 0');
    expect(() => upfirdn2d(tf.zeros<tf.Rank.R4>([2, 2, 1] as never), kernel)).toThrow(ShapeError);
  });

  it('leaves no tensors behind', () => {
    const x = normal<tf.Rank.R4>([1, 4, 4, 1], 1);
    const kernel = tf.ones<tf.Rank.R2>([2, 2]);
    expectNoTensorLeak(() => upfirdn2d(x, kernel, { up: 2, pad: [1, -1, 0, 2] }).dispose());
  });
});
