import { checkOptions, ConfigError, mean, type OptionTable } from '@vitvq/core';
import type { Mark, Spec } from 'vega';
import { chartFrameOptionNames, type ChartFrame } from './chart-frame.js';
import { horizontalAxis, verticalAxis } from './internal/axes.js';
import { chartFont, drawChart, type ChartColors } from './internal/chart.js';

/** Options of {@link rankChart}. */
export interface RankChartOptions extends ChartFrame {
  /** One count for each item, such as a code, in any order. */
  readonly counts: ArrayLike<number>;
  /** Name of the horizontal axis. */
  readonly xLabel: string;
  /** Draws the count that every item would have if all had the same. @default true */
  readonly even?: boolean;
}

const rankChartOptionNames: OptionTable<RankChartOptions> = {
  ...chartFrameOptionNames,
  counts: 'required',
  xLabel: 'required',
  even: 'optional',
};

/**
 * Largest number of steps. More are narrower than a pixel; neighbours in rank are then drawn as
 * their mean.
 */
const maximumSteps = 480;

/**
 * Draws counts from the most to the least frequent as SVG: a codebook in full use is a long
 * plateau, a collapsed one a cliff. For a PNG file, see `svgToPng`.
 * @throws {ConfigError} without counts, and when one is negative or not finite
 */
export async function rankChart(options: RankChartOptions): Promise<string> {
  checkOptions(options, rankChartOptionNames, 'rankChart', { allowOthers: true });
  const { counts, xLabel, even = true } = options;
  const sorted = Float64Array.from(counts).sort().reverse();
  if (sorted.length === 0 || !sorted.every((count) => count >= 0 && Number.isFinite(count))) {
    throw new ConfigError({
      where: 'rankChart',
      expected: 'at least one count, all of them finite and not negative',
      got: `${sorted.length} counts`,
    });
  }
  return drawChart(options, 'rankChart', (colors) => rankSpec(sorted, xLabel, even, colors));
}

interface Step {
  readonly rank: number;
  readonly count: number;
}

/** Returns the corners of the steps, from the highest; the last one ends the last step. */
function stepsOf(sorted: Float64Array): Step[] {
  const size = Math.ceil(sorted.length / maximumSteps);
  const steps = Array.from({ length: Math.ceil(sorted.length / size) }, (_, index): Step => ({
    rank: index * size,
    count: mean(sorted.subarray(index * size, (index + 1) * size)),
  }));
  return [...steps, { rank: sorted.length, count: steps.at(-1)!.count }];
}

function rankSpec(sorted: Float64Array, xLabel: string, even: boolean, colors: ChartColors): Spec {
  return {
    data: [
      { name: 'steps', values: stepsOf(sorted) },
      { name: 'mean', values: even ? [{ mean: mean(sorted) }] : [] },
    ],
    scales: [
      { name: 'x', type: 'linear', range: 'width', domain: [0, sorted.length], nice: false, zero: true },
      { name: 'y', type: 'linear', range: 'height', domain: { data: 'steps', field: 'count' }, nice: true, zero: true },
    ],
    axes: [horizontalAxis(xLabel), verticalAxis()],
    marks: [stepMark(colors.series[0]!), ...meanMarks(colors.series[1]!)],
  };
}

function stepMark(color: string): Mark {
  return {
    type: 'area',
    from: { data: 'steps' },
    encode: {
      enter: {
        interpolate: { value: 'step-after' },
        x: { scale: 'x', field: 'rank' },
        y: { scale: 'y', field: 'count' },
        y2: { scale: 'y', value: 0 },
        fill: { value: color },
        fillOpacity: { value: 0.85 },
      },
    },
  };
}

/** A dashed line with its name. */
function meanMarks(color: string): Mark[] {
  return [
    {
      type: 'rule',
      from: { data: 'mean' },
      encode: {
        enter: {
          x: { value: 0 },
          x2: { signal: 'width' },
          y: { scale: 'y', field: 'mean' },
          stroke: { value: color },
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
          fill: { value: color },
          font: { value: chartFont },
          fontSize: { value: 12 },
          text: { value: 'even use' },
        },
      },
    },
  ];
}
