import type { Measurement } from './protocol.js';

interface Side {
  readonly system: string;
  readonly threads: number;
  /** Median of the rounds, in milliseconds; of processor time too. */
  readonly ms: number;
  readonly cpuMs: number;
  readonly minimumMs: number;
  readonly perSecond: number;
  /** Peak resident memory of the process. */
  readonly rssMb: number;
}

export interface Result {
  readonly workload: string;
  readonly preset: string;
  /** The peer's median time over ours: above 1 we are faster. */
  readonly ratio: number;
  /** Our peak memory over the peer's. */
  readonly memoryRatio: number;
  readonly rounds: number;
  readonly unit: string;
  readonly ours: Side & {
    readonly engine: string;
    readonly compileMs: number;
    /**
     * What it reads from memory a second over what its threads can move, where that is the limit.
     */
    readonly bandwidthShare?: number;
  };
  readonly peer: Side;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function side(measurements: readonly Measurement[]): Side {
  const last = measurements.at(-1)!;
  const ms = median(measurements.flatMap((each) => each.ms));
  return {
    system: last.compile ? `${last.system} compiled` : last.system,
    threads: last.threads,
    ms: round(ms),
    cpuMs: round(median(measurements.flatMap((each) => each.cpu_ms))),
    minimumMs: round(Math.min(...measurements.flatMap((each) => each.ms))),
    perSecond: round((1000 * last.per_run) / ms),
    rssMb: round(last.rss_mb),
  };
}

const round = (value: number): number => Math.round(value * 100) / 100;

export function summarize(
  workload: string,
  preset: string,
  engine: string,
  ours: readonly Measurement[],
  peer: readonly Measurement[],
  /** Bytes a second that our threads can move. */
  bandwidth?: number,
): Result {
  const [we, they] = [side(ours), side(peer)];
  const { bytes } = ours[0]!;
  return {
    workload,
    preset,
    ratio: round(they.ms / we.ms),
    memoryRatio: round(we.rssMb / they.rssMb),
    rounds: ours.length,
    unit: ours[0]!.unit,
    ours: {
      ...we,
      engine,
      compileMs: round(ours[0]!.compile_ms ?? 0),
      bandwidthShare: bytes && bandwidth ? round((1000 * bytes) / we.ms / bandwidth) : undefined,
    },
    peer: they,
  };
}

export function formatTable(results: readonly Result[]): string {
  const header = [
    'workload',
    'preset',
    'ratio',
    'ours ms',
    'peer ms',
    'peer',
    'threads',
    'ours MB',
    'peer MB',
    'memory',
    'compile ms',
    'per second',
    'bandwidth',
  ];
  const rows = results.map(({ workload, preset, ratio, memoryRatio, unit, ours, peer }) => [
    workload,
    preset,
    ratio.toFixed(2),
    ours.ms.toFixed(0),
    peer.ms.toFixed(0),
    peer.system.endsWith('compiled') ? 'compiled' : 'plain',
    `${ours.threads} / ${peer.threads}`,
    ours.rssMb.toFixed(0),
    peer.rssMb.toFixed(0),
    memoryRatio.toFixed(2),
    ours.compileMs.toFixed(0),
    `${ours.perSecond.toFixed(0)} ${unit}`,
    ours.bandwidthShare === undefined ? '' : `${(100 * ours.bandwidthShare).toFixed(0)} %`,
  ]);
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column < 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ');
  return [
    line(header),
    ...rows.map(line),
    'ratio: peer time / our time, medians; peer: PyTorch plain or compiled, whichever is faster; memory: our peak / peer peak; per second: ours; bandwidth: share of what our threads can move',
  ].join('\n');
}
