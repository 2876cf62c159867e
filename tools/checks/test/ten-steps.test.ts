import '@tensorflow/tfjs';
import { useEngine } from '@vitvq/engine';
import { afterAll, describe, expect, it } from 'vitest';
import { compareLosses, formatLosses, trainTenSteps, type Losses } from '../src/internal/ten-steps.js';

afterAll(async () => {
  await useEngine({ name: 'cpu' });
});

const losses: Losses = {
  tokenizer: Array.from({ length: 10 }, () => 0.5),
  discriminator: Array.from({ length: 10 }, () => 1),
  transformer: Array.from({ length: 10 }, () => 3),
  classifier: Array.from({ length: 10 }, () => 2),
};

describe('ten steps', () => {
  it('agree within the tolerance of each loss, at every step', () => {
    const changed = (change: number) => ({ ...losses, transformer: [...losses.transformer.slice(0, 9), 3 * change] });
    expect(compareLosses(losses, changed(1 + 5e-5)).every(({ agrees }) => agrees)).toBe(true);
    const [tokenizer, discriminator, transformer] = compareLosses(losses, changed(1 + 2e-4));
    expect([tokenizer, discriminator].map((each) => each!.agrees)).toEqual([true, true]);
    expect(transformer).toMatchObject({ name: 'transformer', agrees: false });
    expect(transformer!.difference).toBeCloseTo(2e-4);
  });

  it('do not agree where steps are missing, or a loss is NaN', () => {
    for (const transformer of [losses.transformer.slice(0, 9), losses.transformer.map(() => NaN)]) {
      expect(compareLosses(losses, { ...losses, transformer })[2]!.agrees).toBe(false);
    }
    const none = { ...losses, transformer: [] };
    expect(compareLosses(none, none)[2]!.agrees).toBe(false);
  });

  it('give finite losses that move, the same ones again', async () => {
    const first = await trainTenSteps('onnx');
    for (const values of Object.values(first) as number[][]) {
      expect(values).toHaveLength(10);
      expect(values.every(Number.isFinite)).toBe(true);
      expect(new Set(values).size).toBe(10);
    }
    expect(await trainTenSteps('onnx')).toEqual(first);
    expect(formatLosses(new Map([['onnx', first]])).split('\n')).toHaveLength(4 * 11 + 3);
  });
});
