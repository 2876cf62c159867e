import { describe, expect, it } from 'vitest';
import { syntheticImages } from '../src/internal/synthetic-images.js';

const size = { height: 16, width: 24, channels: 3 };

describe('syntheticImages', () => {
  const images = syntheticImages(2, size, 1);

  it('are pixels in [0, 1], a function of the seed, and differ', () => {
    expect(images).toHaveLength(2 * 16 * 24 * 3);
    expect(images.every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(syntheticImages(2, size, 1)).toEqual(images);
    expect(syntheticImages(1, size, 1)).toEqual(images.subarray(0, 16 * 24 * 3));
    expect(syntheticImages(2, size, 2)).not.toEqual(images);
    expect(images.subarray(0, 16 * 24 * 3)).not.toEqual(images.subarray(16 * 24 * 3));
  });

  it('are smooth: neighbours differ less than pixels far from each other', () => {
    const meanDifference = (columns: number): number => {
      let [sum, count] = [0, 0];
      for (let index = 0; index + 3 * columns < images.length; index++) {
        if (Math.floor(index / 3) % 24 >= 24 - columns) continue;
        sum += Math.abs(images[index]! - images[index + 3 * columns]!);
        count++;
      }
      return sum / count;
    };
    expect(meanDifference(1)).toBeLessThan(0.75 * meanDifference(8));
  });
});
