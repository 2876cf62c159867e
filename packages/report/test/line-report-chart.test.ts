import { expect, it } from 'vitest';
import { lineReportChart } from '../src/index.js';

it('lineReportChart says in words what is to be seen', () => {
  const chart = { title: 'Loss', xLabel: 'step', yLabel: 'nats' };
  const training = { name: 'training', points: [[1, 6.2345] as const, [2, 5] as const, [3, 4.1111] as const] };
  const broken = { name: 'validation', points: [[1, NaN] as const, [2, 4] as const] };
  const empty = { name: 'none', points: [] };
  expect(lineReportChart('loss.png', { ...chart, series: [training, broken, empty] })).toEqual({
    chart: { type: 'line', ...chart, series: [training, broken, empty] },
    alt: 'Loss: training goes from 6.23 to 4.11; validation goes from 4 to 4.',
    file: 'loss.png',
  });
});
