import { DataError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { halvesOf, keepUpper, lowerHalves, partnersOf, underPartners } from '../src/halves.js';

// Two images of 3 rows of 2 values: the upper half is the first row.
const halves = halvesOf(3, 2);
const images = Int32Array.of(1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16);

describe('halves', () => {
  it('keep what is above and hide what is below', () => {
    expect(halves).toEqual({ values: 6, upper: 2 });
    expect([...keepUpper(images, halves, -1)]).toEqual([1, 2, -1, -1, -1, -1, 11, 12, -1, -1, -1, -1]);
    expect([...lowerHalves(Float32Array.from(images), halves)]).toEqual([3, 4, 5, 6, 13, 14, 15, 16]);
  });

  it('come under the upper half of a partner', () => {
    expect([...underPartners(images, halves, [1, 0])]).toEqual([11, 12, 3, 4, 5, 6, 1, 2, 13, 14, 15, 16]);
  });
});

describe('partnersOf', () => {
  it('finds another image of the class for each', () => {
    const labels = [0, 1, 0, 1, 1];
    const partners = partnersOf(labels);
    expect([...partners]).toEqual([2, 3, 0, 4, 1]);
  });

  it('refuses a class with one image', () => {
    expect(() => partnersOf([0, 0, 7])).toThrow(DataError);
  });
});
