import { assertOneOf, checkOptions, ConfigError, mean, type OptionTable } from '@vitvq/core';
import type { Mark, Spec } from 'vega';
import { chartFrameOptionNames, type ChartFrame } from './chart-frame.js';
import { horizontalAxis, verticalAxis } from './internal/axes.js';
import { drawChart, type ChartColors } from './internal/chart.js';

/** One line of a chart. A point that is not finite leaves a gap. */
export interface Series {
  readonly name: string;
  /**
   * Points by ascending x. A point with a range, such as a confidence interval, has the range drawn
   * as a band around the line.
   */
  readonly points: readonly (
    readonly [x: number, y: number] | readonly [x: number, y: number, low: number, high: number]
  )[];
}

/** Options of {@link lineChart}. */
export interface LineChartOptions extends ChartFrame {
  /** Name of the horizontal axis. */
  readonly xLabel: string;
  readonly series: readonly Series[];
  /**
   * Scale of the vertical axis. On a logarithmic one, values that are not positive leave a gap.
   * @default 'linear'
   */
  readonly scale?: 'linear' | 'log';
}

/** Names of the options of a line chart. */
export const lineChartOptionNames: OptionTable<LineChartOptions> = {
  ...chartFrameOptionNames,
  xLabel: 'required',
  series: 'required',
  scale: 'optional',
};

/**
 * Largest number of points of a drawn line. More of them in a few hundred pixels cannot be told
 * apart; they are drawn as means with the range of their values.
 */
const maximumPoints = 240;

/**
 * Draws lines over a common horizontal axis as SVG. A long series is divided into parts of equally
 * many points; each part is drawn as its mean, with a band from its smallest to its largest value
 * or range. For a PNG file, see `svgToPng`.
 * @throws {ConfigError} without a point that can be drawn
 */
export async function lineChart(options: LineChartOptions): Promise<string> {
  checkOptions(options, lineChartOptionNames, 'lineChart', { allowOthers: true });
  const { series, xLabel, scale = 'linear' } = options;
  assertOneOf(scale, ['linear', 'log'], 'scale', 'lineChart');
  if (!canDraw(options)) {
    throw new ConfigError({
      where: 'lineChart',
      expected: `a point of "${options.title}" that can be drawn`,
      got: scale === 'log' ? 'no finite positive value' : 'no finite value',
    });
  }
  const rows = series.flatMap(({ name, points }) => condense(name, points, scale));
  return drawChart(options, 'lineChart', (colors) => lineSpec(rows, series, xLabel, scale, colors));
}

/** Tells whether there is a point that `lineChart` can draw. */
export function canDraw({ series, scale = 'linear' }: Pick<LineChartOptions, 'series' | 'scale'>): boolean {
  return series.some(({ points }) => points.some(([x, y]) => Number.isFinite(x) && isDrawable(y, scale)));
}

function isDrawable(y: number, scale: 'linear' | 'log'): boolean {
  return Number.isFinite(y) && (scale === 'linear' || y > 0);
}

/** A point of a drawn line, with its range; null leaves a gap. */
interface Row {
  readonly name: string;
  readonly x: number;
  readonly y: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

function condense(name: string, points: Series['points'], scale: 'linear' | 'log'): Row[] {
  const usable = points.filter(([x]) => Number.isFinite(x));
  const bucketSize = Math.max(1, Math.ceil(usable.length / maximumPoints));
  const rows: Row[] = [];
  for (let start = 0; start < usable.length; start += bucketSize) {
    const bucket = usable.slice(start, start + bucketSize);
    const values = bucket.map(([, y]) => y).filter((y) => isDrawable(y, scale));
    const x = mean(bucket.map(([position]) => position));
    if (values.length === 0) rows.push({ name, x, y: null, low: null, high: null });
    else {
      const drawn = bucket.flatMap(([, ...heights]) => heights).filter((height) => isDrawable(height, scale));
      rows.push({ name, x, y: mean(values), low: Math.min(...drawn), high: Math.max(...drawn) });
    }
  }
  return rows;
}

function lineSpec(
  rows: readonly Row[],
  series: readonly Series[],
  xLabel: string,
  scale: 'linear' | 'log',
  colors: ChartColors,
): Spec {
  const names = series.map(({ name }) => name);
  return {
    data: [{ name: 'rows', values: [...rows] }],
    scales: [
      { name: 'x', type: 'linear', range: 'width', domain: { data: 'rows', field: 'x' }, zero: false },
      {
        name: 'y',
        type: scale,
        range: 'height',
        domain: { data: 'rows', fields: ['low', 'high'] },
        nice: scale === 'linear',
        padding: scale === 'linear' ? 0 : 8,
        zero: false,
      },
      { name: 'color', type: 'ordinal', domain: names, range: [...colors.series] },
    ],
    axes: [
      horizontalAxis(xLabel),
      verticalAxis(scale === 'log' ? { values: logTicks(rows), tickCount: undefined, format: '~g' } : {}),
    ],
    legends:
      names.length > 1
        ? [{ stroke: 'color', orient: 'top', direction: 'horizontal', symbolType: 'stroke', padding: 0, offset: 8 }]
        : [],
    marks: [lineMarks()],
  };
}

/** A line with its band for each series. */
function lineMarks(): Mark {
  const defined = { signal: 'isValid(datum.y)' };
  const x = { scale: 'x', field: 'x' };
  return {
    type: 'group',
    from: { facet: { name: 'line', data: 'rows', groupby: 'name' } },
    marks: [
      {
        type: 'area',
        from: { data: 'line' },
        encode: {
          enter: {
            x,
            y: { scale: 'y', field: 'high' },
            y2: { scale: 'y', field: 'low' },
            fill: { scale: 'color', field: 'name' },
            fillOpacity: { value: 0.16 },
            defined,
          },
        },
      },
      {
        type: 'line',
        from: { data: 'line' },
        encode: {
          enter: {
            x,
            y: { scale: 'y', field: 'y' },
            stroke: { scale: 'color', field: 'name' },
            strokeWidth: { value: 2 },
            strokeJoin: { value: 'round' },
            strokeCap: { value: 'round' },
            defined,
          },
        },
      },
    ],
  };
}

/**
 * Returns the numbers of a logarithmic axis: powers of ten, with numbers between them where there
 * are few, so that each grid line can have its number.
 */
function logTicks(rows: readonly Row[]): number[] {
  const lowest = Math.log10(Math.min(...rows.flatMap(({ low }) => low ?? [])));
  const highest = Math.log10(Math.max(...rows.flatMap(({ high }) => high ?? [])));
  const factors = highest - lowest > 3 ? [1] : highest - lowest > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9];
  const decades = Math.floor(highest) - Math.floor(lowest) + 1;
  return Array.from({ length: decades }, (_, index) => Math.floor(lowest) + index).flatMap((decade) =>
    factors.map((factor) => Number(`${factor}e${decade}`)),
  );
}
