import { describe, expect, it } from 'vitest';
import { ConfigError, DataError, randomKey, randomUniform, ShapeError } from '@vitvq/core';
import { psnr, reconstructionMetrics } from '../src/index.js';

describe('psnr', () => {
  it.each([
    [1, 1, 0],
    [0.01, 1, 20],
    [0.0001, 1, 40],
    [255 ** 2, 255, 0],
    [650.25, 255, 20],
    [2, 1, -3.0103],
    [0, 1, Infinity],
  ])('of error %s with peak %s is %s dB', (error, peak, decibel) => {
    expect(psnr(error, peak)).toBeCloseTo(decibel, 4);
  });

  it('refuses errors and peaks that cannot be', () => {
    for (const error of [-1, NaN, Infinity]) {
      expect(() => psnr(error)).toThrow(ConfigError);
      expect(() => psnr(error)).toThrow(
        `psnr: expected meanSquaredError to be a finite number at least 0, got ${error}.`,
      );
    }
    for (const peak of [0, -1, NaN, Infinity]) {
      expect(() => psnr(1, peak)).toThrow(`psnr: expected peak to be a positive number, got ${peak}.`);
    }
  });
});

describe('reconstructionMetrics', () => {
  it('averages the PSNR of images, not their errors', () => {
    const originals = new Float32Array(8);
    const reconstructions = new Float32Array([0.1, -0.1, 0.1, 0.1, 0.01, 0.01, 0.01, -0.01]);
    const metrics = reconstructionMetrics(originals, reconstructions, 4);
    expect(metrics.images).toBe(2);
    expect(metrics.psnr).toBeCloseTo((20 + 40) / 2, 4);
    expect(metrics.mse).toBeCloseTo((0.01 + 0.0001) / 2, 7);
    expect(metrics.mae).toBeCloseTo((0.1 + 0.01) / 2, 7);
  });

  it('counts an exact image as 100 dB', () => {
    const image = randomUniform(randomKey(1), 12);
    expect(reconstructionMetrics(image, image, 12)).toEqual({ images: 1, psnr: 100, mse: 0, mae: 0 });
  });

  it('sums in float64: many small errors are not lost', () => {
    const values = 3_000_000;
    const metrics = reconstructionMetrics(new Float32Array(values), new Float32Array(values).fill(0.01), values);
    expect(metrics.psnr).toBeCloseTo(40, 5);
    expect(metrics.mae).toBeCloseTo(0.01, 8);
  });

  it('refuses what does not fit', () => {
    const measure = (originals: number[], reconstructions: number[], size: number) => () =>
      reconstructionMetrics(new Float32Array(originals), new Float32Array(reconstructions), size);
    expect(measure([1, 2], [1], 1)).toThrow(ShapeError);
    expect(measure([1, 2], [1], 1)).toThrow(
      'reconstructionMetrics: expected as many reconstructed values as original ones, 2, got 1.',
    );
    expect(measure([1, 2, 3], [1, 2, 3], 2)).toThrow('expected one or more whole images of 2 values, got 3 values.');
    expect(measure([], [], 2)).toThrow('expected one or more whole images of 2 values, got 0 values.');
    expect(measure([1], [1], 0)).toThrow('expected valuesPerImage to be an integer of at least 1, got 0.');
    for (const bad of [NaN, Infinity]) {
      expect(measure([1, 0], [1, bad], 1)).toThrow(DataError);
      expect(measure([1, 0], [1, bad], 1)).toThrow('expected finite pixel values, got NaN or infinity in image 1.');
      expect(measure([0, 0, 0, bad], [0, 0, 0, 0], 2)).toThrow(
        `originals: expected images with values in [0, 1], got ${bad} in image 1.`,
      );
    }
    expect(measure([0, 0, 200, 4], [0, 0, 200, 4], 2)).toThrow(
      'got values from 0 to 200, first in image 1. Bytes become',
    );
  });
});
