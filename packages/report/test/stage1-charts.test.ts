import { describe, expect, it } from 'vitest';
import { lineChart, stage1Charts, type TrainingRecord } from '../src/index.js';

const records: TrainingRecord[] = [
  { step: 1, values: { loss: 2, l2: 0.5, quantizer: 0.1, logitLaplace: -1, logitsReal: 0.1, logitsFake: 0 } },
  {
    step: 2,
    values: { loss: 1, l2: 0.4, quantizer: 0.2, logitLaplace: -2, logitsReal: 0.5, logitsFake: -0.5, r1: 0.3 },
  },
  { step: 3, values: { loss: 1, l2: 0.3, quantizer: 0.1, logitLaplace: -2, logitsReal: 0.9, logitsFake: -0.9 } },
];

describe('stage1Charts', () => {
  it('draws what was recorded, at the steps where it was', async () => {
    const charts = stage1Charts(records);
    const lines = charts.map(({ title, series }) => [title, ...series.map(({ name }) => name)]);
    expect(lines).toEqual([
      ['Loss terms', 'L2', 'quantizer'],
      ['Logit-Laplace', 'logit-Laplace'],
      ['Logits of the discriminator', 'real images', 'reconstructions'],
      ['Penalties of the discriminator', 'R1'],
    ]);
    expect(charts[2]!.series[1]!.points).toEqual([
      [1, 0],
      [2, -0.5],
      [3, -0.9],
    ]);
    expect(charts[3]!.series[0]!.points).toEqual([[2, 0.3]]);
    for (const chart of charts) expect(await lineChart(chart)).toContain(chart.title);
  });

  it('leaves out what cannot be drawn', () => {
    expect(stage1Charts([])).toEqual([]);
    expect(stage1Charts([{ step: 1, values: { l2: NaN, r1: 0, other: 3 } }])).toEqual([]);
    const [chart] = stage1Charts([{ step: 1, values: { adversarial: -0.5, adaptiveWeight: NaN } }]);
    expect(chart).toMatchObject({
      title: 'Adversarial losses',
      series: [{ name: 'autoencoder', points: [[1, -0.5]] }],
    });
  });
});
