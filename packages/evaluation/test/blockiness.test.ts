import { describe, expect, it } from 'vitest';
import { ConfigError, DataError, randomKey, randomUniform, ShapeError } from '@vitvq/core';
import { blockiness } from '../src/index.js';

describe('blockiness', () => {
  it('is the mean difference across borders, divided by that inside patches', () => {
    // One row of two patches of 1x2: inside 0.1 and 0.3, across 0.5.
    const row = new Float32Array([0, 0.1, 0.6, 0.9]);
    expect(blockiness(row, [1, 1, 4, 1], [1, 2])).toBeCloseTo(0.5 / 0.2, 5);
    // The same one down.
    expect(blockiness(row, [1, 4, 1, 1], [2, 1])).toBeCloseTo(0.5 / 0.2, 5);
    // Channels are compared with themselves, images with nothing.
    const channels = new Float32Array([0, 0.9, 0.1, 0.9, 0.6, 0.9, 0.9, 0.9]); // [1, 1, 4, 2]
    expect(blockiness(channels, [1, 1, 4, 2], [1, 2])).toBeCloseTo(0.5 / 0.2, 5);
    const images = new Float32Array([...row, ...row.map((value) => value / 2)]);
    expect(blockiness(images, [2, 1, 4, 1], [1, 2])).toBeCloseTo(0.5 / 0.2, 5);
  });

  it('is near 1 for noise, and larger where each patch has a shade of its own', () => {
    const shape = [4, 32, 32, 3] as const;
    const noise = randomUniform(randomKey(1), 4 * 32 * 32 * 3);
    expect(blockiness(noise, shape, 4)).toBeCloseTo(1, 1);
    const shades = randomUniform(randomKey(2), 4 * 8 * 8);
    const patches = noise.map((value, index) => {
      const [x, y, image] = [Math.floor(index / 3) % 32, Math.floor(index / 96) % 32, Math.floor(index / 3072)];
      return value / 10 + shades[(image * 8 + (y >> 2)) * 8 + (x >> 2)]!;
    });
    expect(blockiness(patches, shape, 4)).toBeGreaterThan(5);
    // Borders elsewhere are no borders.
    expect(blockiness(patches, shape, [32, 5])).toBeLessThan(2);
  });

  it('is 1 for flat images, and infinite where nothing but the borders can be seen', () => {
    expect(blockiness(new Float32Array(16), [1, 4, 4, 1], 2)).toBe(1);
    expect(blockiness(new Float32Array([0, 0, 1, 1]), [1, 1, 4, 1], [1, 2])).toBe(Infinity);
  });

  it('refuses what has no borders, no inside or no values', () => {
    const values = new Float32Array(16).map((_, index) => index % 3);
    expect(() => blockiness(values, [1, 4, 4, 1], 4)).toThrow(ConfigError);
    expect(() => blockiness(values, [1, 4, 4, 1], 1)).toThrow(ConfigError);
    expect(() => blockiness(values, [1, 4, 5, 1], 2)).toThrow(ShapeError);
    expect(() =>
      blockiness(
        values.map((_, index) => (index === 3 ? NaN : 1)),
        [1, 4, 4, 1],
        2,
      ),
    ).toThrow(DataError);
  });
});
