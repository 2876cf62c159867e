import { ConfigError } from '@vitvq/core';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { lineChart, rankChart, svgToPng, type LineChartOptions } from '../src/index.js';
import { expectBalanced } from './balanced.js';

const line: LineChartOptions = {
  title: 'Loss',
  xLabel: 'step',
  yLabel: 'mean squared error',
  series: [
    {
      name: 'total',
      points: [
        [0, 3],
        [10, 2],
        [20, 1],
      ],
    },
    {
      name: 'pixels',
      points: [
        [0, 2],
        [10, 1.5],
        [20, 0.5],
      ],
    },
  ],
};
/** Coordinates of the lines, series after series. */
const lines = (svg: string): number[][][] =>
  [...svg.matchAll(/aria-roledescription="line mark container".*?<path[^>]* d="([^"]*)"/gs)].map(([, path]) =>
    path!
      .split(/[ML]/)
      .filter(Boolean)
      .map((point) => point.split(',').map(Number)),
  );

describe('lineChart', () => {
  it('draws a line a series, with title, labels and legend', async () => {
    const svg = await lineChart(line);
    expectBalanced(svg);
    expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 480 280"/);
    for (const text of ['Loss', 'step', 'mean squared error', 'total', 'pixels'])
      expect(svg).toContain(`>${text}</text>`);
    const [total, pixels] = lines(svg);
    expect(total).toHaveLength(3);
    expect(total![0]![0]).toBe(0);
    expect(total![1]![0]! * 2).toBeCloseTo(total![2]![0]!, 3);
    expect(total![0]![1]).toBeLessThan(total![2]![1]!); // larger is higher
    expect(pixels![0]![1]).toBeCloseTo(total![1]![1]!, 3); // both 2
    expect(await lineChart(line)).toBe(svg);
  });

  it('has no legend for one series, and no title where the page has one', async () => {
    const svg = await lineChart({ ...line, series: line.series.slice(0, 1), hideTitle: true });
    expect(svg).not.toContain('>total</text>');
    expect(svg).not.toContain('>Loss</text>');
    expect(svg).toContain('>mean squared error</text>');
  });

  it('has palettes for light, dark and the page around it', async () => {
    expect(await lineChart({ ...line, palette: 'dark' })).toContain('fill="#17181b"');
    const svg = await lineChart({ ...line, palette: 'page' });
    expect(svg).toContain('stroke="var(--series-1)"');
    expect(svg).toContain('fill="var(--text)"');
  });

  it('is logarithmic on request', async () => {
    const points = [
      [0, 1],
      [1, 10],
      [2, 100],
      [3, 1000],
    ] as const;
    const svg = await lineChart({ ...line, series: [{ name: 'a', points }], scale: 'log' });
    const heights = lines(svg)[0]!.map(([, y]) => y!);
    expect(heights[0]! - heights[1]!).toBeCloseTo(heights[2]! - heights[3]!, 2);
    for (const label of ['1', '10', '100', '1000']) expect(svg).toContain(`>${label}</text>`);
  });

  it.each([
    [[0.011, 0.012, 0.019], '0.015'],
    [[0.006, 0.09], '0.02'],
    [[1e-7, 1], '0.0001'],
    [[5, 5], '5'],
  ])('has readable numbers on a logarithmic axis of %j', async (values, label) => {
    const points = values.map((value, index) => [index, value] as const);
    const svg = await lineChart({ ...line, series: [{ name: 'a', points }], scale: 'log' });
    expect(svg).toContain(`>${label}</text>`);
  });

  it('leaves gaps where there is nothing to draw', async () => {
    const gap = {
      name: 'a',
      points: [
        [0, 1],
        [1, NaN],
        [2, 3],
        [3, Infinity],
        [4, 2],
        [NaN, 9],
      ] as const,
    };
    const svg = await lineChart({ ...line, series: [gap] });
    expect(
      svg.match(/aria-roledescription="line mark container".*?<path[^>]* d="([^"]*)"/s)![1]!.split('M'),
    ).toHaveLength(4);
    expect(svg).not.toContain('NaN');
    const log = await lineChart({
      ...line,
      scale: 'log',
      series: [
        {
          name: 'a',
          points: [
            [0, 1],
            [1, 0],
            [2, -3],
            [3, 2],
            [4, 3],
          ],
        },
      ],
    });
    expect(log).not.toContain('NaN');
  });

  it('shows a long series as its mean within its range', async () => {
    const points = Array.from({ length: 96_000 }, (_, index) => [index, index % 2 ? 4 : 2] as const);
    const svg = await lineChart({ ...line, series: [{ name: 'a', points }] });
    expect(svg.length).toBeLessThan(40_000);
    const [drawn] = lines(svg);
    expect(drawn!.length).toBeLessThanOrEqual(240);
    expect(new Set(drawn!.map(([, y]) => y)).size).toBe(1); // the mean, 3
  });

  it('draws the range of a point as a band, which the axis makes room for', async () => {
    const [low, high] = [-40, 60];
    const points = [0, 1, 2].map((x) => [x, 1, low, high] as const);
    const svg = await lineChart({ ...line, series: [{ name: 'a', points }] });
    for (const label of ['−40', '60']) expect(svg).toContain(`>${label}</text>`);
    const band = svg.match(/aria-roledescription="area mark container".*?<path[^>]* d="([^"]*)"/s)![1]!;
    const heights = new Set(band.match(/,[\d.]+/g));
    expect(heights.size).toBe(2);
    expect(await lineChart({ ...line, scale: 'log', series: [{ name: 'a', points }] })).not.toContain('NaN');
  });

  it('escapes text', async () => {
    const hostile = '</text><script>alert(1)</script>"\u0000';
    const svg = await lineChart({
      title: hostile,
      xLabel: hostile,
      yLabel: hostile,
      series: [{ ...line.series[0]!, name: hostile }, line.series[1]!],
    });
    expect(svg).not.toContain('<script');
    expectBalanced(svg);
  });

  it('refuses charts without anything to draw, and absurd sizes', async () => {
    const attempt = lineChart({ ...line, series: [{ name: 'a', points: [[0, NaN]] }] });
    await expect(attempt).rejects.toThrow(ConfigError);
    await expect(attempt).rejects.toThrow(
      'lineChart: expected a point of "Loss" that can be drawn, got no finite value.',
    );
    await expect(lineChart({ ...line, series: [] })).rejects.toThrow('no finite value');
    await expect(lineChart({ ...line, scale: 'log', series: [{ name: 'a', points: [[0, 0]] }] })).rejects.toThrow(
      'no finite positive value',
    );
    await expect(lineChart({ ...line, width: 20 })).rejects.toThrow(
      'lineChart: expected width within [100, 10000], got 20.',
    );
  });
});

describe('rankChart', () => {
  const rank = { title: 'Codes', xLabel: 'codes', yLabel: 'times' };

  it('draws counts from most to least frequent, and even use', async () => {
    const svg = await rankChart({ ...rank, counts: Int32Array.of(1, 9, 5, 5) });
    expectBalanced(svg);
    expect(svg).toContain('>even use</text>');
    expect(await rankChart({ ...rank, counts: [9, 5, 1, 5] })).toBe(svg);
    expect(await rankChart({ ...rank, counts: [9, 5, 1, 5], even: false })).not.toContain('even use');
  });

  it('stays small for large codebooks and works for empty ones', async () => {
    const counts = Float64Array.from({ length: 65_536 }, (_, index) => index);
    expect((await rankChart({ ...rank, counts })).length).toBeLessThan(40_000);
    expect(await rankChart({ ...rank, counts: new Float64Array(16) })).not.toContain('NaN');
  });

  it.each([[[]], [[1, -1]], [[NaN]], [[Infinity]]])('refuses %j', async (counts) => {
    await expect(rankChart({ ...rank, counts })).rejects.toThrow(
      'rankChart: expected at least one count, all of them finite',
    );
  });
});

it('svgToPng draws at the size that is asked for', async () => {
  const png = await svgToPng(await lineChart(line), { scale: 3 });
  const { width, height } = await sharp(png).metadata();
  expect([width, height]).toEqual([1440, 840]);
});
