import '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useEngine } from '@vitvq/engine';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { classifyByNeighbors, type LabelledFeatures } from '../src/index.js';
import { clouds } from './toy.js';

beforeAll(() => useEngine({ name: 'cpu' }));

const angles = (degrees: readonly number[], labels: readonly number[], length = 1): LabelledFeatures => ({
  block: 'angles',
  dim: 2,
  data: Float32Array.from(
    degrees.flatMap((angle) => [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)]),
    (value) => length * value,
  ),
  labels: Int32Array.from(labels),
});

describe('classifyByNeighbors', () => {
  it('counts votes by cosine, not by distance', async () => {
    const train = angles([0, 10, 90, 100], [0, 0, 1, 1]);
    const test = angles([20, 70, 44], [0, 1, 1], 100);
    const nearest = await classifyByNeighbors(train, test, { classes: 2, neighbors: 1 });
    expect(nearest).toMatchObject({
      count: 3,
      top1: 2 / 3,
      confusion: [
        [1, 0],
        [1, 1],
      ],
      neighbors: 1,
    });
    expect(nearest).not.toHaveProperty('crossEntropy');
  });

  it('weighs near neighbours more, by the temperature', async () => {
    // One sample of class 1 is at the test sample; two of class 0 are at some distance.
    const train = angles([0, 50, 52], [1, 0, 0]);
    const classify = async (temperature: number): Promise<number> =>
      (await classifyByNeighbors(train, angles([0], [1]), { classes: 2, neighbors: 3, temperature })).top1;
    expect(await classify(0.07)).toBe(1);
    expect(await classify(10)).toBe(0);
  });

  it('knows clouds apart, whatever the number of test samples, and keeps no tensor', async () => {
    const options = { classes: 3, dim: 6, distance: 2 };
    const train = clouds({ ...options, count: 90, seed: 1 });
    const test = clouds({ ...options, count: 300, seed: 2 });
    await expectNoTensorLeak(async () => {
      const { top1, interval } = await classifyByNeighbors(train, test, { classes: 3 });
      expect(top1).toBeGreaterThan(0.9);
      expect(interval.low).toBeLessThan(top1);
    });
    const all = await classifyByNeighbors(train, test, { classes: 3, neighbors: 1000 });
    expect(all.neighbors).toBe(90);
  });

  it('refuses labels that are no classes', async () => {
    const train = angles([0, 90], [0, 1]);
    await expect(classifyByNeighbors(train, angles([3], [2]), { classes: 2 })).rejects.toThrow(
      'classifyByNeighbors, test, block "angles": expected labels to be integers in [0, 2), got 2 for sample 0.',
    );
  });
});
