import { describe, expect, it } from 'vitest';
import { assertRgbImage, ShapeError, toRgbImages } from '../src/index.js';

describe('toRgbImages', () => {
  it('scales, clamps and rounds, and shows NaN as black', () => {
    const data = Float32Array.of(0, 0.5, 1, -1, 2, NaN);
    const [first, second] = toRgbImages({ data, shape: [2, 1, 1, 3] });
    expect([...first!.data]).toEqual([0, 128, 255]);
    expect([...second!.data]).toEqual([0, 255, 0]);
  });

  it('repeats grey', () => {
    const [image] = toRgbImages({ data: Float32Array.of(0.2, 1), shape: [1, 1, 2, 1] });
    expect([...image!.data]).toEqual([51, 51, 51, 255, 255, 255]);
  });

  it.each([
    [[1, 1, 1, 3], 'got [1, 1, 1, 3] with 4 values'],
    [[1, 1, 1, 4], 'expected images [B, H, W, 1] or [B, H, W, 3]'],
    [[1, 3, 8, 8], 'transpose them to [B, H, W, C].'],
  ] as const)('refuses %j', (shape, message) => {
    expect(() => toRgbImages({ data: new Float32Array(4), shape })).toThrow(ShapeError);
    expect(() => toRgbImages({ data: new Float32Array(4), shape })).toThrow(message);
  });
});

describe('assertRgbImage', () => {
  it('takes an image whose values fill it, and no other', () => {
    expect(() => assertRgbImage({ width: 2, height: 1, data: new Uint8Array(6) }, 'test')).not.toThrow();
    for (const [width, height] of [
      [2, 2],
      [0, 0],
      [1.5, 4 / 3],
    ] as const) {
      const image = { width, height, data: new Uint8Array(6) };
      expect(() => assertRgbImage(image, 'test')).toThrow(ShapeError);
      expect(() => assertRgbImage(image, 'test')).toThrow(
        `test: expected height x width x 3 values of at least one pixel, got 6 values for ${height} x ${width}.`,
      );
    }
  });
});
