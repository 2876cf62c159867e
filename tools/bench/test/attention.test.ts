import { attentionProblem } from '@vitvq/layers';
import { lineChart } from '@vitvq/report';
import { describe, expect, it } from 'vitest';
import { runBlock } from '../src/attention/run-block.js';
import { attentionOf, kindNames } from '../src/attention/kinds.js';
import { blockCharts, formatBlocks, formatTraining, type BlockResult } from '../src/attention/results.js';

const results: BlockResult[] = [
  { kind: 'full', side: 16, result: { milliseconds: 12.3, megabytes: 84.4 } },
  { kind: 'full', side: 128, result: { reason: 'more than 10 GB' } },
  { kind: 'axial', side: 16, result: { milliseconds: 9, megabytes: 70 } },
  { kind: 'axial', side: 128, result: { milliseconds: 12_345, megabytes: 1234 } },
];

describe('measure-attention', () => {
  it('measures configs that fit every grid', () => {
    for (const side of [4, 8, 16, 32, 64, 128]) {
      for (const kind of kindNames) {
        expect(attentionProblem(attentionOf(side)[kind], { grid: [side, side], depth: 2 }), kind).toBeUndefined();
      }
    }
  });

  it('prints a row for each kind, and says what is out of reach', () => {
    expect(formatBlocks(results).split('\n')).toEqual([
      '| Kind | 256 tokens | 16,384 tokens |',
      '| --- | --- | --- |',
      '| `full` | 12 ms, 84 MB | out of reach: more than 10 GB |',
      '| `axial` | 9 ms, 70 MB | 12.3 s, 1,234 MB |',
    ]);
    expect(formatTraining([{ kind: 'full', psnr: 20.126, parameters: 1_222_923 }])).toContain(
      '| `full` | 20.13 | 1,222,923 |',
    );
  });

  it('draws what is within reach', async () => {
    const charts = blockCharts(results);
    expect(Object.keys(charts)).toEqual(['time-patterns', 'time-estimates', 'memory-patterns', 'memory-estimates']);
    expect(charts['time-patterns']!.series).toEqual([
      { name: 'full', points: [[16, 12.3]] },
      {
        name: 'axial',
        points: [
          [16, 9],
          [128, 12_345],
        ],
      },
    ]);
    expect(await lineChart(charts['memory-patterns']!)).toContain('Peak memory');
  });

  it('measures a block in a process of its own, and gives one up that goes beyond the limits', async () => {
    const limits = { seconds: 120, gigabytes: 8 };
    const measured = await runBlock('axial', 4, 1, limits);
    expect(Object.values(measured).every((figure) => figure > 0)).toBe(true);
    expect(Object.keys(measured)).toEqual(['milliseconds', 'megabytes']);
    expect(await runBlock('axial', 4, 1, { ...limits, seconds: 0.001 })).toEqual({ reason: 'more than 0.001 s' });
    expect(JSON.stringify(await runBlock('axial', 1, 1, limits))).toContain('ConfigError');
  });

  it.skipIf(process.platform !== 'linux')('gives up a block that takes too much memory', async () => {
    const limits = { seconds: 120, gigabytes: 0.001 };
    expect(await runBlock('axial', 4, 1, limits)).toEqual({ reason: 'more than 0.001 GB' });
  });
});
