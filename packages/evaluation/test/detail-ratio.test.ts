import { describe, expect, it } from 'vitest';
import { DataError, randomKey, randomUniform, ShapeError } from '@vitvq/core';
import { detailRatio } from '../src/index.js';

describe('detailRatio', () => {
  it('is the ratio of the squared differences of neighbours', () => {
    // Differences of 0.4 and 0.2 across, 0.1 and 0.3 down, against a quarter of each.
    const originals = new Float32Array([0.1, 0.5, 0.2, 0]);
    const halved = originals.map((value) => value / 2);
    expect(detailRatio(originals, originals, [1, 2, 2, 1])).toBe(1);
    expect(detailRatio(originals, halved, [1, 2, 2, 1])).toBeCloseTo(0.25, 6);
    expect(detailRatio(originals, new Float32Array([0, 0.4, 0, 0.4]), [1, 2, 2, 1])).toBeCloseTo(
      (2 * 0.16) / (0.16 + 0.04 + 0.01 + 0.25),
      6,
    );
  });

  it('compares neither channels nor images with each other', () => {
    const originals = new Float32Array([0, 1, 0, 1, 0.5, 0.9, 0.6, 0.9]); // [2, 1, 2, 2]
    const flat = new Float32Array([0.1, 0.9, 0.1, 0.9, 0.3, 0.4, 0.3, 0.4]);
    expect(detailRatio(originals, flat, [2, 1, 2, 2])).toBe(0);
  });

  it('falls with blur and rises with noise', () => {
    const originals = randomUniform(randomKey(1), 8 * 8);
    const blurred = originals.map((value, index) => (value + (originals[index + 1] ?? value)) / 2);
    const noise = randomUniform(randomKey(2), 8 * 8);
    const noisy = originals.map((value, index) => value + noise[index]! - 0.5);
    expect(detailRatio(originals, blurred, [1, 8, 8, 1])).toBeLessThan(0.8);
    expect(detailRatio(originals, noisy, [1, 8, 8, 1])).toBeGreaterThan(1.5);
  });

  it('refuses what cannot be compared', () => {
    const two = new Float32Array([0, 1]);
    expect(() => detailRatio(two, two, [1, 2, 2, 1])).toThrow(ShapeError);
    expect(() => detailRatio(two, two, [1, 2, 2, 1])).toThrow('expected originals of shape [1, 2, 2, 1], 4 values');
    expect(() => detailRatio(two, two, [2, 1, 1, 1])).toThrow('expected images of two pixels or more');
    expect(() => detailRatio(new Float32Array(2), two, [1, 1, 2, 1])).toThrow(DataError);
    expect(() => detailRatio(new Float32Array([0, 255]), two, [1, 1, 2, 1])).toThrow(
      'detailRatio, originals: expected images with values in [0, 1], got values from 0 to 255, first in image 0. Bytes',
    );
    expect(() => detailRatio(two, new Float32Array([0, NaN]), [1, 1, 2, 1])).toThrow('NaN or infinity');
  });
});
