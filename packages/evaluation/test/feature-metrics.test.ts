import { describe, expect, it } from 'vitest';
import { DataError, randomKey, randomNormal, ShapeError } from '@vitvq/core';
import '@vitvq/test-utils';
import {
  clipScore,
  combineStatistics,
  FeatureMoments,
  featureStatistics,
  frechetDistance,
  inceptionScore,
  kernelDistance,
  manifoldMetrics,
  type FeatureRows,
} from '../src/index.js';

const draw = (seed: number, count: number, dim: number, shift = 0): FeatureRows => ({
  dim,
  data: randomNormal(randomKey(seed), count * dim, shift, 1),
});

const part = ({ dim, data }: FeatureRows, begin: number, end: number): FeatureRows => ({
  dim,
  data: data.slice(begin * dim, end * dim),
});

describe('FeatureMoments', () => {
  it('gives the same statistics from batches as from all rows', () => {
    const all = draw(1, 23, 5);
    const moments = new FeatureMoments(5);
    for (const [begin, end] of [
      [0, 7],
      [7, 7],
      [7, 8],
      [8, 23],
    ] as const) {
      moments.add(part(all, begin, end));
    }
    const { count, mean, covariance } = moments.result();
    const whole = featureStatistics(all);
    expect(count).toBe(23);
    expect(mean).toBeAllClose(whole.mean, { rtol: 1e-12 });
    expect(covariance).toBeAllClose(whole.covariance, { rtol: 1e-12, atol: 1e-14 });
    const column = Array.from({ length: 23 }, (_, row) => all.data[row * 5 + 2]!);
    const centre = column.reduce((sum, value) => sum + value, 0) / 23;
    const variance = column.reduce((sum, value) => sum + (value - centre) ** 2, 0) / 22;
    expect(whole.covariance[2 * 5 + 2]).toBeCloseTo(variance, 10);
  });

  it('keeps small variances beside a large mean', () => {
    const data = Float64Array.from({ length: 1000 }, (_, row) => 1e9 + (row % 2));
    const { covariance } = featureStatistics({ dim: 1, data });
    expect(covariance[0]).toBeCloseTo((0.25 * 1000) / 999, 9);
  });

  it('refuses other widths, values that are not finite and a single row', () => {
    const moments = new FeatureMoments(2);
    expect(() => moments.add({ dim: 3, data: new Float32Array(6) })).toThrow(ShapeError);
    expect(() => moments.add({ dim: 2, data: new Float32Array(3) })).toThrow('got 3 values in rows of 2.');
    expect(() => moments.add({ dim: 2, data: Float32Array.of(0, 0, 1, NaN) })).toThrow('got NaN in row 1.');
    moments.add({ dim: 2, data: new Float32Array(2) });
    expect(() => moments.result()).toThrow('expected at least 2 images, got 1.');
  });
});

it('combineStatistics equals the statistics of all rows', () => {
  const all = draw(2, 20, 4, 3);
  const parts = [part(all, 0, 3), part(all, 3, 12), part(all, 12, 20)].map(featureStatistics);
  const [combined, whole] = [combineStatistics(parts), featureStatistics(all)];
  expect(combined.count).toBe(20);
  expect(combined.mean).toBeAllClose(whole.mean, { rtol: 1e-12 });
  expect(combined.covariance).toBeAllClose(whole.covariance, { rtol: 1e-10, atol: 1e-14 });
  expect(() => combineStatistics([parts[0]!, featureStatistics(draw(3, 5, 3))])).toThrow(ShapeError);
  expect(() => combineStatistics([])).toThrow('expected at least one part, got none.');
});

describe('frechetDistance', () => {
  it('is the distance of the means where only they differ', () => {
    const { dim, data } = draw(4, 30, 3);
    const moved = { dim, data: data.map((value, at) => value + [2, 0, -1][at % 3]!) };
    expect(frechetDistance(featureStatistics({ dim, data }), featureStatistics(moved))).toBeCloseTo(5, 5);
  });

  it('is (a - b)² for deviations a and b of each feature, zeros among them', () => {
    const statistics = (...deviations: number[]) => ({
      count: 10,
      dim: 4,
      mean: new Float64Array(4),
      covariance: Float64Array.from({ length: 16 }, (_, at) => (at % 5 === 0 ? deviations[at / 5]! ** 2 : 0)),
    });
    expect(frechetDistance(statistics(3, 1, 0, 1e-3), statistics(1, 1, 2, 0))).toBeCloseTo(4 + 4 + 1e-6, 9);
    expect(frechetDistance(statistics(0, 0, 0, 0), statistics(0, 0, 0, 0))).toBe(0);
  });

  it('is symmetric, and 0 for equal statistics of many features', () => {
    const [a, b] = [featureStatistics(draw(5, 90, 60)), featureStatistics(draw(6, 40, 60, 0.5))];
    expect(frechetDistance(a, b)).toBeAllClose(frechetDistance(b, a), { rtol: 1e-7 });
    expect(frechetDistance(a, a)).toBeLessThan(1e-9);
    expect(frechetDistance(b, b)).toBeLessThan(1e-5);
  });

  it('refuses other widths and statistics that are not finite', () => {
    const a = featureStatistics(draw(5, 9, 2));
    expect(() => frechetDistance(a, featureStatistics(draw(5, 9, 3)))).toThrow(
      'frechetDistance: expected statistics of features [N, 2], got statistics of features [N, 3].',
    );
    expect(() => frechetDistance(a, { ...a, covariance: a.covariance.map(() => NaN) })).toThrow(
      'expected finite statistics, got NaN.',
    );
  });
});

describe('kernelDistance', () => {
  it('is about 0 for sets of one distribution, and the same for the same key', () => {
    const [a, b, moved] = [draw(7, 300, 4), draw(8, 300, 4), draw(9, 300, 4, 1)];
    const measure = (other: FeatureRows, seed = 1): number =>
      kernelDistance(a, other, { subsets: 10, subsetSize: 100, key: randomKey(seed) }).mean;
    expect(Math.abs(measure(b))).toBeLessThan(0.15);
    expect(measure(moved)).toBeGreaterThan(2);
    expect(measure(b)).toBe(measure(b));
    expect(measure(b, 2)).not.toBe(measure(b));
  });

  it('refuses subsets that are larger than a set', () => {
    expect(() => kernelDistance(draw(1, 30, 2), draw(2, 20, 2), { key: randomKey(1) })).toThrow(
      'kernelDistance: expected a subsetSize of at most 20 images, got 1000. Measure more images, or smaller subsets.',
    );
  });
});

describe('manifoldMetrics', () => {
  it('agrees with what a drawing shows', () => {
    // Real images at 0, 1, 2, 10; generated ones at 0.5, 1.5 and 20, with one neighbour each.
    const real = { dim: 1, data: Float32Array.of(0, 1, 2, 10) };
    const generated = { dim: 1, data: Float32Array.of(0.5, 1.5, 20) };
    const { precision, recall, density, coverage, ofImages } = manifoldMetrics(real, generated, { neighbors: 1 });
    expect(Array.from(ofImages.precision)).toEqual([1, 1, 0]);
    expect(precision).toBeCloseTo(2 / 3, 10);
    // The sphere around 20 reaches to 1.5.
    expect(Array.from(ofImages.recall)).toEqual([1, 1, 1, 1]);
    expect(recall).toBe(1);
    expect(Array.from(ofImages.density)).toEqual([2, 2, 0]);
    expect(density).toBeCloseTo(4 / 3, 10);
    expect(Array.from(ofImages.coverage)).toEqual([1, 1, 1, 0]);
    expect(coverage).toBe(0.75);
  });

  it('is 1 for equal sets, and refuses fewer images than neighbours need', () => {
    const rows = draw(3, 20, 3);
    const { precision, recall, coverage } = manifoldMetrics(rows, rows);
    expect([precision, recall, coverage]).toEqual([1, 1, 1]);
    expect(() => manifoldMetrics(rows, draw(4, 3, 3))).toThrow(
      'manifoldMetrics: expected generated features of at least 4 images, got 3.',
    );
    expect(() => manifoldMetrics(rows, draw(4, 9, 2))).toThrow('expected generated features of shape [N, 3]');
  });
});

describe('inceptionScore', () => {
  it('is the number of classes for certain and even predictions, and 1 for equal ones', () => {
    const certain = Float32Array.from({ length: 16 }, (_, at) => (at % 5 === 0 ? 1000 : 0));
    expect(inceptionScore({ dim: 4, data: certain }, { splits: 1 }).mean).toBeCloseTo(4, 10);
    expect(inceptionScore({ dim: 4, data: new Float32Array(16) }, { splits: 2 }).mean).toBeCloseTo(1, 10);
  });

  it('shuffles with a key: sorted classes do not lower it', () => {
    const data = Float32Array.from({ length: 40 * 2 }, (_, at) => (at < 40 === (at % 2 === 0) ? 50 : 0));
    expect(inceptionScore({ dim: 2, data }, { splits: 2 }).mean).toBeCloseTo(1, 8);
    expect(inceptionScore({ dim: 2, data }, { splits: 2, key: randomKey(1) }).mean).toBeGreaterThan(1.8);
    expect(() => inceptionScore({ dim: 2, data }, { splits: 41 })).toThrow('expected at most 40 splits, got 41.');
  });
});

describe('clipScore', () => {
  it('is 100 times the cosine, and 0 below', () => {
    const images = { dim: 2, data: Float32Array.of(1, 0, 3, 4, 0, 2, 0, 0) };
    const texts = { dim: 2, data: Float32Array.of(2, 0, 4, 3, 0, -1, 1, 1) };
    const { mean, ofImages } = clipScore(images, texts);
    expect(ofImages).toBeAllClose([100, 96, 0, 0]);
    expect(mean).toBeCloseTo(49, 10);
    expect(clipScore(images, texts, { scale: 2.5 }).ofImages).toBeAllClose([2.5, 2.4, 0, 0]);
  });

  it('refuses other numbers of texts and embeddings that are not finite', () => {
    const images = draw(1, 3, 2);
    expect(() => clipScore(images, draw(1, 2, 2))).toThrow('expected 3 texts, one for each image, got 2.');
    expect(() => clipScore(images, { dim: 2, data: new Float32Array(6).fill(NaN) })).toThrow(DataError);
  });
});
