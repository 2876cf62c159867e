import { randomKey, randomNormal } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { afterAll, describe, expect, it } from 'vitest';
import { fitSlope } from '../src/endurance/fit-slope.js';
import { measureMemory, memorySlopes } from '../src/endurance/measure-memory.js';

afterAll(async () => {
  await useEngine({ name: 'cpu' });
});

describe.each(['mean', 'lowest'] as const)('the slope of measurements, by the %s of stretches', (summary) => {
  const line = (slope: number, seed: number) =>
    [...randomNormal(randomKey(seed), 300, 0, 50)].map(
      (noise, index) => [index, 1000 + slope * index + noise] as const,
    );

  it('lies within its margin as often as a confidence of 95 % says', () => {
    const seeds = Array.from({ length: 400 }, (_, seed) => seed);
    for (const expected of [0, 0.5]) {
      const held = seeds.filter((seed) => {
        const { slope, margin } = fitSlope(line(expected, seed), summary);
        return Math.abs(slope - expected) < margin;
      });
      expect(held.length / seeds.length).toBeGreaterThan(0.92);
      expect(held.length / seeds.length).toBeLessThan(0.98);
    }
  });

  it('is that of a line without noise', () => {
    const points = Array.from({ length: 600 }, (_, index) => [index, 3 * index] as const);
    const { slope, margin } = fitSlope(points, summary);
    expect(slope).toBeCloseTo(3, 9);
    expect(margin).toBeCloseTo(0, 9);
  });
});

describe('a training', () => {
  it('keeps no tensor of its steps, evaluations and checkpoints', async () => {
    const samples = await measureMemory({ training: 'transformer', engine: 'onnx', steps: 300 });
    expect(samples).toHaveLength(300);
    expect(memorySlopes(samples, 'mean').tensors).toEqual({ slope: 0, margin: 0 });
    expect(samples.every(({ resident, heap, buffers }) => Math.min(resident, heap, buffers) > 0)).toBe(true);
  });
});
