import '@vitvq/test-utils';
import { describe, expect, it } from 'vitest';
import { blurKernel, separableBlur } from '../src/index.js';

describe('blurKernel', () => {
  it('is the outer product of taps along one axis, scaled to a sum of 1', () => {
    const kernel = blurKernel([1, 3, 3, 1]);
    expect(kernel.shape).toEqual([4, 4]);
    expect(kernel.data[0]).toBeCloseTo(1 / 64);
    expect(kernel.data[5]).toBeCloseTo(9 / 64);
    expect([...kernel.data].reduce((sum, value) => sum + value, 0)).toBeCloseTo(1);
  });

  it('scales a two-dimensional kernel, which need not be square or separable', () => {
    const rows = [
      [1, 0, 2],
      [0, 4, 1],
    ];
    expect(blurKernel(rows)).toBeAllClose({ shape: [2, 3], data: Float32Array.from([1, 0, 2, 0, 4, 1], (v) => v / 8) });
  });

  it.each([[[]], [[1, -1]], [[NaN]], [[[]]], [[[1, 2], [3]]], [[[1], [-1]]]])('refuses %j', (taps) => {
    expect(() => blurKernel(taps)).toThrow(
      'blurKernel to be one or more finite numbers, or rows of equal length, whose sum is not 0',
    );
  });
});

describe('separableBlur', () => {
  it('returns the taps of each axis, scaled to a sum of 1, of which blurKernel is the outer product', () => {
    const { vertical, horizontal } = separableBlur([1, 3, 3, 1])!;
    expect(vertical).toEqual([0.125, 0.375, 0.375, 0.125]);
    expect(horizontal).toEqual(vertical);
    const kernel = vertical.flatMap((first) => horizontal.map((second) => first * second));
    expect(blurKernel([1, 3, 3, 1])).toBeAllClose({ shape: [4, 4], data: Float32Array.from(kernel) });
  });

  it('leaves two-dimensional kernels alone, and refuses what blurKernel refuses', () => {
    expect(separableBlur([[1, 2]])).toBeUndefined();
    expect(() => separableBlur([1, -1], 'ConvLayer')).toThrow('ConvLayer: expected blurKernel to be');
  });
});
