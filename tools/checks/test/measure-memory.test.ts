import { randomKey, randomNormal } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { afterAll, describe, expect, it } from 'vitest';
import { fitSlope } from '../src/endurance/fit-slope.js';
import { measureMemory, memorySlopes } from '../src/endurance/measure-memory.js';

afterAll(async () => {
  await useEngine({ name: 'cpu' });
});

describe('the slope of measurements', () => {
  const noise = randomNormal(randomKey(3), 600, 0, 50);
  const line = (slope: number) => [...noise].map((value, index) => [index, 1000 + slope * index + value] as const);

  it('is that of the line, within its margin', () => {
    for (const expected of [0, 0.5, -2]) {
      const { slope, margin } = fitSlope(line(expected));
      expect(Math.abs(slope - expected)).toBeLessThan(margin);
      expect(margin).toBeLessThan(0.1);
    }
    expect(fitSlope([...noise].map((_, index) => [index, 3 * index]))).toEqual({
      slope: expect.closeTo(3, 9) as number,
      margin: expect.closeTo(0, 9) as number,
    });
  });
});

describe('a training', () => {
  it('keeps no tensor of its steps, evaluations and checkpoints', async () => {
    const samples = await measureMemory({ training: 'transformer', engine: 'onnx', steps: 300 });
    expect(samples).toHaveLength(300);
    expect(memorySlopes(samples).tensors).toEqual({ slope: 0, margin: 0 });
    expect(samples.every(({ resident, heap, buffers }) => Math.min(resident, heap, buffers) > 0)).toBe(true);
  });
});
