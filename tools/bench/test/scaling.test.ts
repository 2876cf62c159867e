import { describe, expect, it } from 'vitest';
import { formatScaling, scalingCharts, type ScalingResult } from '../src/scaling/results.js';

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

  it('is a chart for each step beside the ideal, which devices of one CPU cannot beat', () => {
    const all = [...results, result(4, 'replicated', 8)];
    const { gpt_step: chart, ...others } = scalingCharts(all, false);
    expect(others).toEqual({});
    const points = Object.fromEntries(chart!.series.map((series) => [series.name, series.points]));
    expect(points['ideal']).toEqual([1, 2, 4].map((count) => [count, count]));
    expect(points['replicated']).toEqual([1, 2, 4].map((count) => [count, count === 1 ? 1 : 1.25]));
    expect(points['sharded']).toEqual([1, 2].map((count) => [count, 1 / count]));
    const shared = scalingCharts(all, true)['gpt_step']!.series[0]!;
    expect(shared.points.map(([, ratio]) => ratio)).toEqual([1, 1, 1]);
  });
});
