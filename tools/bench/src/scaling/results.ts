import type { LineChartOptions } from '@vitvq/report';

/** A training step on some devices. */
export interface ScalingResult {
  readonly workload: string;
  readonly devices: number;
  readonly weights: 'replicated' | 'sharded';
  /** Median of a step. */
  readonly milliseconds: number;
  /** What a step handles on all devices together, in `unit`. */
  readonly amount: number;
  readonly unit: string;
  /** Name of the first device. */
  readonly device: string | undefined;
  /** Peak resident memory of the process. */
  readonly megabytes: number;
}

const rateOf = ({ amount, milliseconds }: ScalingResult): number => (1000 * amount) / milliseconds;

/** Returns a Markdown table with a row for each workload, number of devices and way of weights. */
export function formatScaling(results: readonly ScalingResult[]): string {
  const header = ['Step', 'Devices', 'Weights', 'Milliseconds', 'A second', 'Against one', 'Memory'];
  const rows = results.map((result) => {
    const { workload, devices, weights, milliseconds, unit, megabytes } = result;
    const one = results.find((other) => other.workload === workload && other.devices === 1);
    const ratio = one === undefined ? '' : `${(rateOf(result) / rateOf(one)).toFixed(2)}x`;
    const cells = [
      `\`${workload}\``,
      String(devices),
      weights,
      milliseconds.toFixed(0),
      `${Math.round(rateOf(result))} ${unit}`,
    ];
    return [...cells, ratio, `${Math.round(megabytes)} MB`];
  });
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

/**
 * Returns a chart for each workload: steps a second against devices, as a ratio to one device, with
 * the ideal.
 * @param sharesCores  whether devices are made of one CPU, whose cores a single one uses already
 */
export function scalingCharts(
  results: readonly ScalingResult[],
  sharesCores: boolean,
): Readonly<Record<string, LineChartOptions>> {
  const workloads = [...new Set(results.map(({ workload }) => workload))];
  return Object.fromEntries(
    workloads.map((workload) => {
      const own = results.filter((each) => each.workload === workload);
      return [workload, chartOf(workload, own, sharesCores)];
    }),
  );
}

function chartOf(workload: string, results: readonly ScalingResult[], sharesCores: boolean): LineChartOptions {
  const one = results.find(({ devices }) => devices === 1);
  const counts = [...new Set(results.map(({ devices }) => devices))].sort((a, b) => a - b);
  const measured = (['replicated', 'sharded'] as const).map((weights) => ({
    name: weights,
    points: results.flatMap((each): [number, number][] =>
      one && (each.devices === 1 || each.weights === weights) ? [[each.devices, rateOf(each) / rateOf(one)]] : [],
    ),
  }));
  const ideal = { name: 'ideal', points: counts.map((count): [number, number] => [count, sharesCores ? 1 : count]) };
  return {
    title: `${workload}: steps a second against one device`,
    xLabel: 'devices',
    yLabel: 'times one device, by how weights lie',
    width: 640,
    series: [ideal, ...measured],
  };
}
