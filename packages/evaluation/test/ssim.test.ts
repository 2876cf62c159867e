import { describe, expect, it } from 'vitest';
import { ShapeError, type HostImages } from '@vitvq/core';
import { tinyImages } from '@vitvq/test-models';
import { msSSIM, smallestSideOfMsSSIM, ssim } from '../src/index.js';

const changed = ({ data, shape }: HostImages, change: (value: number, at: number) => number): HostImages => ({
  data: data.map(change),
  shape,
});

describe('ssim', () => {
  it('is 1 for equal images, and one value an image', () => {
    const images = tinyImages(2, 1, [12, 14]);
    expect(Array.from(ssim(images, images))).toEqual([1, 1]);
    const [first, second] = ssim(
      images,
      changed(images, (value, at) => (at < images.data.length / 2 ? value : 1 - value)),
    );
    expect(first).toBe(1);
    expect(second).toBeLessThan(0.5);
  });

  it('is the quotient of luminances for flat images', () => {
    const flat = (value: number): HostImages => ({
      data: new Float32Array(12 * 12).fill(value),
      shape: [1, 12, 12, 1],
    });
    const expected = (2 * 0.5 * 0.25 + 1e-4) / (0.5 ** 2 + 0.25 ** 2 + 1e-4);
    expect(ssim(flat(0.5), flat(0.25))[0]).toBeCloseTo(expected, 8);
    expect(ssim(flat(0.5), flat(0.25), { window: 'uniform' })[0]).toBeCloseTo(expected, 8);
  });

  it('refuses images that are smaller than the window, other shapes and other values', () => {
    const small = tinyImages(1);
    expect(() => ssim(small, small)).toThrow('ssim: expected images of at least 11 x 11 pixels, got [1, 8, 8, 3].');
    expect(ssim(small, small, { window: 'uniform' })[0]).toBe(1);
    expect(() => ssim(small, tinyImages(2))).toThrow(ShapeError);
    const broken = changed(small, (value, at) => (at === 3 ? NaN : value));
    expect(() => ssim(small, broken)).toThrow('got NaN in image 0.');
    expect(() => ssim(small, small, { window: 'gausian' as never })).toThrow('(did you mean "gaussian"?)');
  });
});

describe('msSSIM', () => {
  it('is that of one scale with one weight', () => {
    const images = tinyImages(1, 1, [12, 14]);
    const darker = changed(images, (value) => 0.8 * value);
    expect(msSSIM(images, darker, { weights: [1] })[0]).toBeCloseTo(ssim(images, darker)[0]!, 2);
    expect(smallestSideOfMsSSIM(1)).toBe(11);
  });

  it('takes images of odd sizes, down to the smallest', () => {
    const side = smallestSideOfMsSSIM(3);
    const images = tinyImages(1, 1, [side, side + 4]);
    const weights = [0.3, 0.3, 0.4];
    expect(msSSIM(images, images, { weights })[0]).toBeCloseTo(1, 12);
    const tooSmall = tinyImages(1, 1, [side - 1, side]);
    expect(() => msSSIM(tooSmall, tooSmall, { weights })).toThrow(
      `msSSIM: expected images of at least ${side} x ${side} pixels for 3 scales, got [1, ${side - 1}, ${side}, 3].`,
    );
    expect(() => msSSIM(images, images, { weights: [1, 0] })).toThrow('expected weights above 0, one a scale');
  });
});
