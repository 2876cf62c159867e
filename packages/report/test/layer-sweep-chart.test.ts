import { ConfigError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { layerSweepChart, lineChart, type LineChartOptions, type ProbedBlock } from '../src/index.js';

function probed(block: string, kind: ProbedBlock['kind'], top1: number): ProbedBlock {
  return { block, kind, test: { top1, interval: { low: top1 - 0.125, high: top1 + 0.125 } } };
}

const model = [probed('embedding', 'model', 0.25), probed('blocks.0', 'model', 0.75), probed('norm', 'model', 0.5)];
const baselines = [probed('untrained embedding', 'untrained', 0.25), probed('untrained blocks.0', 'untrained', 0.125)];

describe('layerSweepChart', () => {
  it('has a line each for the model, its twin and the pixels, with their intervals', async () => {
    const { chart, alt, file } = layerSweepChart('sweep.png', [
      probed('pixels', 'pixels', 0.5),
      ...model,
      ...baselines,
    ]);
    expect(file).toBe('sweep.png');
    expect(chart).toMatchObject({ type: 'line', title: 'Layer sweep', xLabel: 'block' });
    const { series } = chart as LineChartOptions;
    expect(series).toEqual([
      {
        name: 'trained',
        points: [
          [0, 25, 12.5, 37.5],
          [1, 75, 62.5, 87.5],
          [2, 50, 37.5, 62.5],
        ],
      },
      {
        name: 'untrained',
        points: [
          [0, 25, 12.5, 37.5],
          [1, 12.5, 0, 25],
        ],
      },
      {
        name: 'raw pixels',
        points: [
          [0, 50, 37.5, 62.5],
          [2, 50, 37.5, 62.5],
        ],
      },
    ]);
    expect(alt).toBe(
      'Layer sweep: trained goes from 25 to 50; untrained goes from 25 to 12.5; raw pixels goes from 50 to 50. ' +
        'The highest is blocks.0, 75 %.',
    );
    expect(await lineChart(chart as LineChartOptions)).toContain('>raw pixels</text>');
  });

  it('leaves out baselines that were not probed', () => {
    const { chart } = layerSweepChart('sweep.png', model, { xLabel: 'block (last: norm)' });
    expect(chart).toMatchObject({ xLabel: 'block (last: norm)' });
    expect((chart as LineChartOptions).series.map(({ name }) => name)).toEqual(['trained']);
  });

  it('has the tokenizer to the left of the model', () => {
    const tokenizer = [probed('encoder.blocks.0', 'tokenizer', 0.125), probed('latents', 'tokenizer', 0.25)];
    const { chart } = layerSweepChart('sweep.png', [
      ...model,
      ...baselines,
      ...tokenizer,
      probed('pixels', 'pixels', 0.5),
    ]);
    const places = (chart as LineChartOptions).series.map(({ name, points }) => [name, points.map(([x]) => x)]);
    expect(places).toEqual([
      ['tokenizer', [0, 1]],
      ['trained', [2, 3, 4]],
      ['untrained', [2, 3]],
      ['raw pixels', [0, 4]],
    ]);
  });

  it('refuses what makes no line', () => {
    const attempt = (): unknown => layerSweepChart('sweep.png', [model[0]!, ...baselines]);
    expect(attempt).toThrow(ConfigError);
    expect(attempt).toThrow('layerSweepChart: expected two blocks of the model or more, got 1.');
  });
});
