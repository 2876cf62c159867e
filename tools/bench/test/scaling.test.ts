import { describe, expect, it } from 'vitest';
import { formatScaling, scalingChart, type ScalingResult } from '../src/scaling/results.js';

const result = (devices: number, weights: ScalingResult['weights'], milliseconds: number): ScalingResult => ({
  workload: 'gpt_step',
  devices,
  weights,
  milliseconds,
  amount: 64,
  unit: 'tokens',
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

  it('is a chart beside the ideal, which ends at the number of cores', () => {
    expect(scalingChart([...results, result(4, 'replicated', 8)], 2).series).toEqual([
      {
        name: 'ideal',
        points: [
          [1, 1],
          [2, 2],
          [4, 2],
        ],
      },
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
