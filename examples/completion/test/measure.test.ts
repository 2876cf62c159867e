import { describe, expect, it } from 'vitest';
import { compareNats, measureLikeness, ofPartners } from '../src/measure.js';

describe('compareNats', () => {
  it('compares image by image and row by row', () => {
    // Two images with two rows of one token.
    const own = Float32Array.of(1, 3, 2, 4);
    const other = Float32Array.of(3, 3, 1, 4);
    const { rows, ...rest } = compareNats(own, other, 2, 1);
    // Gains of 1 and -0.5: mean 0.25, deviation 1.0607, divided by the root of 2.
    expect(rest).toEqual({ own: 2.5, other: 2.75, preferred: 0.5, standardError: expect.closeTo(0.75, 6) as number });
    expect(rows).toEqual([
      { own: 1.5, other: 2 },
      { own: 3.5, other: 3.5 },
    ]);
  });
});

describe('measureLikeness', () => {
  const shape = [2, 2, 1, 3] as const;
  // Each image: a pixel above, a pixel below.
  const originals = { shape, data: Float32Array.of(0, 0, 0, 0.5, 0.5, 0.5, 1, 1, 1, 0.5, 0.5, 0.5) };

  it('looks at the lower halves, and at the step down to them', () => {
    const completed = {
      shape,
      data: Float32Array.of(9, 9, 9, 0.4, 0.5, 0.5, 9, 9, 9, 0.5, 0.5, 0.5, 7, 7, 7, 7, 7, 7),
    };
    const { psnr, colorDistance, seam } = measureLikeness(completed, originals, originals);
    expect(colorDistance).toBeCloseTo(0.05, 6);
    expect(seam).toBeCloseTo((0.4 + 5 * 0.5) / 6, 6);
    // One image is reproduced exactly, which counts 100 decibels.
    expect(psnr).toBeCloseTo((100 - 10 * Math.log10(0.01 / 3)) / 2, 4);
  });

  it('takes the pictures of partners', () => {
    const { data } = ofPartners(originals, Int32Array.of(1, 0));
    expect([...data]).toEqual([...originals.data.subarray(6), ...originals.data.subarray(0, 6)]);
  });
});
