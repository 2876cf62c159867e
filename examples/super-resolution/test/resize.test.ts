import { ShapeError, type HostImages } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { enlargeByCopies, enlargeImages, reduceImages } from '../src/resize.js';

/** Two images of two channels whose values are a function of place. */
function imagesOf(height: number, width: number, value: (y: number, x: number) => number): HostImages {
  const data = Float32Array.from({ length: 2 * height * width * 2 }, (_, at) => {
    const place = Math.floor(at / 2);
    const own = value(Math.floor(place / width) % height, place % width);
    return at % 2 === 0 ? own : own / 2;
  });
  return { data, shape: [2, height, width, 2] };
}

describe('reduceImages', () => {
  it('takes means of squares', () => {
    const { data, shape } = reduceImages(
      imagesOf(4, 6, (y, x) => (y + 10 * x) / 100),
      2,
    );
    expect(shape).toEqual([2, 2, 3, 2]);
    expect([...data.subarray(0, 4)]).toEqual(
      [0.055, 0.0275, 0.255, 0.1275].map((value) => expect.closeTo(value, 5) as number),
    );
    expect(data[12]).toBeCloseTo(0.055, 5);
  });

  it('refuses images that do not fit', () => {
    expect(() =>
      reduceImages(
        imagesOf(4, 6, () => 0),
        4,
      ),
    ).toThrow(ShapeError);
  });
});

describe('enlargeImages', () => {
  it('keeps an even image, and a slope but for the borders', () => {
    const even = enlargeImages(
      imagesOf(3, 3, () => 0.4),
      4,
    );
    expect(even.shape).toEqual([2, 12, 12, 2]);
    expect(even.data.every((value, at) => Math.abs(value - (at % 2 === 0 ? 0.4 : 0.2)) < 1e-6)).toBe(true);
    const slope = enlargeImages(
      imagesOf(8, 8, (_, x) => 0.1 + x / 10),
      2,
    );
    for (let x = 4; x < 12; x++) {
      const at = (8 * 16 + x) * 2;
      expect(slope.data[at]).toBeCloseTo(0.1 + ((x + 0.5) / 2 - 0.5) / 10, 5);
    }
  });

  it('is clipped where it would overshoot', () => {
    const { data } = enlargeImages(
      imagesOf(4, 4, (_, x) => (x < 2 ? 0 : 1)),
      4,
    );
    expect(Math.min(...data)).toBe(0);
    expect(Math.max(...data)).toBe(1);
  });

  it('differs from copies, which reduce to what they were made of', () => {
    const small = imagesOf(4, 4, (y, x) => (y * x) / 9);
    const copies = enlargeByCopies(small, 2);
    expect(copies.shape).toEqual([2, 8, 8, 2]);
    expect(reduceImages(copies, 2).data).toEqual(small.data);
    expect(enlargeImages(small, 2).data).not.toEqual(copies.data);
  });
});
