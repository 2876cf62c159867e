import { ConfigError } from '@vitvq/core';
import { chartFont, drawChart, type ChartFrame } from './internal/chart.js';

export interface RankChartOptions extends ChartFrame {
  /** One count an item (a code), in any order. */
  readonly counts: ArrayLike<number>;
  readonly xLabel: string;
  /** Draws what every item would have if all had the same. @default true */
  readonly even?: boolean;
}

/** More steps than this are narrower than a pixel; neighbours in rank are then drawn as their mean. */
const maximumSteps = 480;

/**
 * SVG of counts from the most to the least frequent: a full codebook is a long plateau, a collapsed one a cliff. For a PNG, see
 * `svgToPng`.
 * @throws {ConfigError} when there are no counts, or one is negative or not a number
 */
export async function rankChart(options: RankChartOptions): Promise<string> {
  const { counts, xLabel, even = true } = options;
  const sorted = Float64Array.from(counts).sort().reverse();
  if (sorted.length === 0 || !sorted.every((count) => count >= 0 && Number.isFinite(count))) {
    throw new ConfigError({
      where: 'rankChart',
      expected: 'at least one count, all of them finite and not negative',
      got: `${sorted.length} counts`,
    });
  }
  const size = Math.ceil(sorted.length / maximumSteps);
  const steps = Array.from({ length: Math.ceil(sorted.length / size) }, (_, index) => {
    const part = sorted.subarray(index * size, (index + 1) * size);
    return { rank: index * size, count: part.reduce((sum, value) => sum + value, 0) / part.length };
  });
  steps.push({ rank: sorted.length, count: steps.at(-1)!.count });
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return drawChart(options, 'rankChart', (colors) => ({
    data: [
      { name: 'steps', values: steps },
      { name: 'mean', values: even ? [{ mean }] : [] },
    ],
    scales: [
      { name: 'x', type: 'linear', range: 'width', domain: [0, sorted.length], nice: false, zero: true },
      { name: 'y', type: 'linear', range: 'height', domain: { data: 'steps', field: 'count' }, nice: true, zero: true },
    ],
    axes: [
      { orient: 'bottom', scale: 'x', title: xLabel, tickCount: 6, format: ',~r', domain: false, labelOverlap: true },
      {
        orient: 'left',
        scale: 'y',
        grid: true,
        domain: false,
        ticks: false,
        tickCount: 5,
        format: ',~r',
        labelOverlap: true,
      },
    ],
    marks: [
      {
        type: 'area',
        from: { data: 'steps' },
        encode: {
          enter: {
            interpolate: { value: 'step-after' },
            x: { scale: 'x', field: 'rank' },
            y: { scale: 'y', field: 'count' },
            y2: { scale: 'y', value: 0 },
            fill: { value: colors.series[0]! },
            fillOpacity: { value: 0.85 },
          },
        },
      },
      {
        type: 'rule',
        from: { data: 'mean' },
        encode: {
          enter: {
            x: { value: 0 },
            x2: { signal: 'width' },
            y: { scale: 'y', field: 'mean' },
            stroke: { value: colors.series[1]! },
            strokeWidth: { value: 1.5 },
            strokeDash: { value: [5, 4] },
          },
        },
      },
      {
        type: 'text',
        from: { data: 'mean' },
        encode: {
          enter: {
            x: { signal: 'width' },
            y: { scale: 'y', field: 'mean', offset: -6 },
            align: { value: 'right' },
            fill: { value: colors.series[1]! },
            font: { value: chartFont },
            fontSize: { value: 12 },
            text: { value: 'even use' },
          },
        },
      },
    ],
  }));
}
