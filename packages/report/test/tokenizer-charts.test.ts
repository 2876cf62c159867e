import { describe, expect, it } from 'vitest';
import { lineChart, tokenizerCharts, type TrainingRecord } from '../src/index.js';

const records: TrainingRecord[] = [
  { event: 'step', step: 1, l2: 0.5, quantizer: 0.1, logitLaplace: -1, logitsReal: 0.1, logitsFake: 0 },
  { event: 'step', step: 2, l2: 0.4, quantizer: 0.2, logitLaplace: -2, logitsReal: 0.5, logitsFake: -0.5, r1: 0.3 },
  { event: 'evaluate', step: 2, psnr: 20, l2: 9 },
  { event: 'step', step: 3, l2: 0.3, quantizer: 0.1, logitLaplace: -2, logitsReal: 0.9, logitsFake: -0.9 },
];

describe('tokenizerCharts', () => {
  it('draws what was recorded, at the steps where it was', async () => {
    const charts = tokenizerCharts(records);
    const lines = charts.map(({ title, series }) => [title, ...series.map(({ name }) => name)]);
    expect(lines).toEqual([
      ['Loss terms', 'L2', 'quantizer'],
      ['Logit-Laplace', 'logit-Laplace'],
      ['Logits of the discriminator', 'real images', 'reconstructions'],
      ['Penalties of the discriminator', 'R1'],
      ['PSNR on held-out images', 'PSNR'],
    ]);
    expect(charts[2]!.series[1]!.points).toEqual([
      [1, 0],
      [2, -0.5],
      [3, -0.9],
    ]);
    expect(charts[0]!.series[0]!.points).toHaveLength(3); // no value of the evaluation
    expect(charts[3]!.series[0]!.points).toEqual([[2, 0.3]]);
    expect(charts[4]!.series[0]!.points).toEqual([[2, 20]]);
    for (const chart of charts) expect(await lineChart(chart)).toContain(chart.title);
  });

  it("draws the caller's own loss terms, and nothing that is no term", () => {
    const facts = { progress: 0.5, examplesPerSecond: 3, gradientNorm: 1, loss: 2, skipped: false };
    const charts = tokenizerCharts([
      { event: 'step', step: 1, edges: -1, ...facts },
      { event: 'step', step: 2, edges: 2, contrast: 1, ...facts },
      { event: 'evaluate', step: 2, usage: 0.5 },
    ]);
    expect(charts.map(({ title, series }) => [title, ...series.map(({ name }) => name)])).toEqual([
      ['Further loss terms', 'edges', 'contrast'],
    ]);
  });

  it('leaves out what cannot be drawn', () => {
    expect(tokenizerCharts([])).toEqual([]);
    expect(tokenizerCharts([{ event: 'step', step: 1, l2: NaN, r1: 0, learningRate: 'high' }])).toEqual([]);
    const [chart] = tokenizerCharts([{ event: 'step', step: 1, adversarial: -0.5, adaptiveWeight: NaN }]);
    expect(chart).toMatchObject({
      title: 'Adversarial losses',
      series: [{ name: 'autoencoder', points: [[1, -0.5]] }],
    });
  });
});
