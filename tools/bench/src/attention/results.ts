import type { LineChartOptions } from '@vitvq/report';

/** Size of the block that is measured. */
export const blockSize = { dim: 128, numHeads: 4, mlpDim: 512, activation: 'gelu' } as const;

/** What one block takes. */
export interface BlockFigures {
  /** Median of forward and backward. */
  readonly milliseconds: number;
  /** Peak resident memory beyond that of the process before the block. */
  readonly megabytes: number;
}

/** Why there are no figures. */
export interface OutOfReach {
  readonly reason: string;
}

/** Figures of one kind for one grid. */
export interface BlockResult {
  readonly kind: string;
  /** Rows and columns of tokens. */
  readonly side: number;
  readonly result: BlockFigures | OutOfReach;
}

/** What a tokenizer reaches with one kind. */
export interface TrainingResult {
  readonly kind: string;
  /** Of held-out images, in dB. */
  readonly psnr: number;
  readonly parameters: number;
}

const isReached = (result: BlockFigures | OutOfReach): result is BlockFigures => 'milliseconds' in result;

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

const grouped = (value: number): string => Math.round(value).toLocaleString('en');

const formatTime = (milliseconds: number): string =>
  milliseconds < 10_000 ? `${grouped(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;

const formatMemory = (megabytes: number): string => `${grouped(megabytes)} MB`;

/** Returns a Markdown table: a row for each kind, a column for each number of tokens. */
export function formatBlocks(results: readonly BlockResult[]): string {
  const sides = [...new Set(results.map(({ side }) => side))];
  const kinds = [...new Set(results.map(({ kind }) => kind))];
  const cell = (kind: string, side: number): string => {
    const found = results.find((result) => result.kind === kind && result.side === side);
    if (!found) return '';
    const { result } = found;
    if (!isReached(result)) return `out of reach: ${result.reason}`;
    return `${formatTime(result.milliseconds)}, ${formatMemory(result.megabytes)}`;
  };
  return table(
    ['Kind', ...sides.map((side) => `${grouped(side * side)} tokens`)],
    kinds.map((kind) => [`\`${kind}\``, ...sides.map((side) => cell(kind, side))]),
  );
}

/** Returns a Markdown table with a row for each kind. */
export function formatTraining(results: readonly TrainingResult[]): string {
  return table(
    ['Kind', 'PSNR, dB', 'Parameters'],
    results.map(({ kind, psnr, parameters }) => [`\`${kind}\``, psnr.toFixed(2), grouped(parameters)]),
  );
}

/** Kinds that share a chart, whose palette has six colours; full attention is in both. */
const groups = {
  patterns: { kinds: ['full', 'blockwise', 'windowed', 'axial', 'strided'], text: 'exact and sparse attention' },
  estimates: { kinds: ['full', 'linformer', 'performer'], text: 'estimates of attention' },
} as const;

/** Returns the charts that can be drawn, by name; kinds end where they are out of reach. */
export function blockCharts(results: readonly BlockResult[]): Record<string, LineChartOptions> {
  const figures = { time: 'milliseconds', memory: 'megabytes' } as const;
  const charts = Object.entries(figures).flatMap(([name, figure]) =>
    Object.entries(groups).map(([group, { kinds, text }]): [string, LineChartOptions] => {
      const points = (wanted: string): [number, number][] =>
        results.flatMap(({ kind, side, result }) =>
          kind === wanted && isReached(result) ? [[side, result[figure]]] : [],
        );
      const series = kinds.map((kind) => ({ name: kind, points: points(kind) })).filter((each) => each.points.length);
      const title = figure === 'milliseconds' ? `Forward and backward: ${text}` : `Peak memory: ${text}`;
      const yLabel = figure === 'milliseconds' ? 'milliseconds' : 'MB';
      return [
        `${name}-${group}`,
        { title, xLabel: 'rows and columns of tokens', yLabel, scale: 'log', width: 640, series },
      ];
    }),
  );
  return Object.fromEntries(charts.filter(([, { series }]) => series.length > 0));
}
