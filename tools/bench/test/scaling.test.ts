import { describe, expect, it } from 'vitest';
import { formatScaling, scalingChart, type ScalingResult } from '../src/scaling/results.js';

const result = (devices: number, weights: ScalingResult['weights'], milliseconds: number): ScalingResult => ({
  workload: 'gpt_step',
  devices,
  weights,
  milliseconds,
  amount: 64,
  unit: 'tokens',
  device: 'cpu',
  megabytes: 500.4,
});
const results = [result(1, 'replicated', 10), result(2, 'replicated', 8), result(2, 'sharded', 20)];

describe('the scaling of steps', () => {
  it('is a table against one device', () => {
    expect(formatScaling(results).split('\n')).toEqual([
      '| Step | Devices | Weights | Milliseconds | A second | Against one | Memory |',
      '| --- | --- | --- | --- | --- | --- | --- |',
      '| `gpt_step` | 1 | replicated | 10 | 6400 tokens | 1.00x | 500 MB |',
      '| `gpt_step` | 2 | replicated | 8 | 8000 tokens | 1.25x | 500 MB |',
      '| `gpt_step` | 2 | sharded | 20 | 3200 tokens | 0.50x | 500 MB |',
    ]);
  });

  it('is a chart beside the ideal, which devices of one CPU cannot be faster than', () => {
    const all = [...results, result(4, 'replicated', 8)];
    const idealOf = (sharesCores: boolean): unknown => scalingChart(all, sharesCores).series[0]!.points;
    expect([idealOf(false), idealOf(true)]).toEqual(
      [
        [1, 2, 4],
        [1, 1, 1],
      ].map((ratios) => ratios.map((ratio, index) => [2 ** index, ratio])),
    );
    expect(scalingChart(all, true).series.slice(1)).toEqual([
      {
        name: 'gpt_step, weights replicated',
        points: [
          [1, 1],
          [2, 1.25],
          [4, 1.25],
        ],
      },
      {
        name: 'gpt_step, weights sharded',
        points: [
          [1, 1],
          [2, 0.5],
        ],
      },
    ]);
  });
});
