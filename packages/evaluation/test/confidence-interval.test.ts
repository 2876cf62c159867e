import { describe, expect, it } from 'vitest';
import { foldIn, mean, randomKey, randomNormal } from '@vitvq/core';
import {
  bootstrapInterval,
  combineStatistics,
  featureStatistics,
  frechetDistance,
  jackknifeInterval,
  splitsInterval,
  subsetsInterval,
  type FeatureRows,
} from '../src/index.js';

const normal = (seed: number, count: number): Float32Array => randomNormal(randomKey(seed), count, 5, 2);

describe('bootstrapInterval', () => {
  it('is about two standard errors to each side of the mean', () => {
    const values = normal(1, 400);
    const { low, high, method } = bootstrapInterval(values, { key: randomKey(2) });
    expect(method).toBe('bootstrap');
    expect((low + high) / 2).toBeCloseTo(mean(values), 1);
    expect(high - low).toBeGreaterThan((0.85 * 2 * 1.96 * 2) / 20);
    expect(high - low).toBeLessThan((1.15 * 2 * 1.96 * 2) / 20);
  });

  it('contains the true mean in about 95 of 100 data sets', () => {
    const hits = Array.from({ length: 100 }, (_, seed) =>
      bootstrapInterval(normal(seed, 50), { key: foldIn(randomKey(3), seed), resamples: 200 }),
    ).filter(({ low, high }) => low <= 5 && 5 <= high);
    expect(hits.length).toBeGreaterThanOrEqual(88);
    expect(hits.length).toBeLessThan(100);
  });

  it('is a function of the key, and refuses no values', () => {
    const interval = (seed: number): unknown =>
      bootstrapInterval([1, 2, 4, 8], { key: randomKey(seed), resamples: 50 });
    expect(interval(1)).toEqual(interval(1));
    expect(interval(1)).not.toEqual(interval(2));
    expect(() => bootstrapInterval([], { key: randomKey(1) })).toThrow('expected at least one value, got none.');
  });
});

describe('intervals of figures of sets of images', () => {
  it("follow Student's distribution for disjoint sets", () => {
    // Mean 3, deviation of the mean sqrt(2.5 / 5); the quantile for 4 degrees of freedom is 2.776.
    const { low, high } = splitsInterval([1, 2, 3, 4, 5])!;
    expect(low).toBeCloseTo(3 - 2.776 * Math.sqrt(0.5), 6);
    expect(high).toBeCloseTo(3 + 2.776 * Math.sqrt(0.5), 6);
    const ten = splitsInterval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])!;
    expect((ten.high - 5.5) / Math.sqrt(55 / 6 / 10)).toBeCloseTo(2.262, 2);
    expect(splitsInterval([1])).toBeUndefined();
  });

  it('are those of the mean where the jackknife leaves out parts of a mean', () => {
    const values = [1, 2, 3, 4, 5];
    const without = values.map((value) => (15 - value) / 4);
    const jackknife = jackknifeInterval(3, without)!;
    expect(jackknife.low).toBeCloseTo(splitsInterval(values)!.low, 10);
    expect(jackknife.high).toBeCloseTo(splitsInterval(values)!.high, 10);
    expect(jackknifeInterval(3, [3])).toBeUndefined();
  });

  it('are as wide as the Fréchet distance of new images varies', () => {
    const draw = (seed: number, count: number, shift: number): FeatureRows => ({
      dim: 3,
      data: randomNormal(foldIn(randomKey(9), seed), 3 * count, shift, 1),
    });
    const reference = featureStatistics(draw(0, 500, 0));
    const distance = (parts: readonly FeatureRows[]): number =>
      frechetDistance(reference, combineStatistics(parts.map(featureStatistics)));
    const figures = Array.from({ length: 60 }, (_, repeat) => {
      const groups = Array.from({ length: 8 }, (_group, group) => draw(1 + 8 * repeat + group, 25, 0.4));
      const value = distance(groups);
      const { low, high } = jackknifeInterval(
        value,
        groups.map((group) => distance(groups.filter((other) => other !== group))),
      )!;
      return { value, half: (high - low) / 2 };
    });
    const centre = mean(figures.map(({ value }) => value));
    const spread = Math.sqrt(mean(figures.map(({ value }) => (value - centre) ** 2)));
    // The quantile for 7 degrees of freedom is 2.365.
    const ratio = mean(figures.map(({ half }) => half)) / (2.365 * spread);
    expect(ratio).toBeGreaterThan(0.75);
    expect(ratio).toBeLessThan(1.3);
  });

  it('are the central 95 % of subsets', () => {
    const { low, high } = subsetsInterval(Array.from({ length: 101 }, (_, index) => 100 - index))!;
    expect([low, high]).toEqual([2.5, 97.5]);
    expect(subsetsInterval([7])).toBeUndefined();
  });
});
