import { presets, workloads, type PresetName } from '../workloads.js';

/** Largest difference of losses and pixels, relative to the largest value. */
const valueTolerance = 2e-3;
/** Smallest share of drawn tokens that are the same: a rounding may move one across a border. */
const tokenTolerance = 0.95;

/** Workloads of which one step is compared. */
export const parityWorkloads = ['tokenizer_roundtrip', 'stage1_step', 'gan_step', 'gpt_step', 'gpt_sample'] as const;

/** What an engine gives for a workload: values of each of its functions in two runs of each. */
export interface ParityValues {
  readonly workload: string;
  readonly values: readonly (readonly number[])[];
}

/**
 * Computes one step of a workload on the engine in use, of a step's every function. Each runs
 * twice, so that the second run sees the weights that the first has left.
 */
export async function computeParity(workload: string, preset: PresetName): Promise<ParityValues> {
  const { runs } = workloads[workload]!.build(presets[preset]);
  const values: number[][] = [];
  for (let repeat = 0; repeat < 2; repeat++) {
    for (const { run } of runs) values.push(Array.from(await run()));
  }
  return { workload, values };
}

/** How far two engines are from each other. */
export interface ParityResult {
  readonly workload: string;
  /** Largest relative difference, or for tokens the share of those that differ. */
  readonly difference: number;
  readonly tolerance: number;
  readonly agrees: boolean;
}

/** Compares what two engines gave. */
export function compareParity(expected: ParityValues, got: ParityValues): ParityResult {
  const { workload } = expected;
  const isDrawn = workload === 'gpt_sample';
  const differences = expected.values.map((values, index) => {
    const others = got.values[index] ?? [];
    if (others.length !== values.length) return Infinity;
    if (isDrawn) return values.filter((value, at) => value !== others[at]).length / values.length;
    const largest = Math.max(...values.map(Math.abs));
    return Math.max(...values.map((value, at) => Math.abs(value - others[at]!))) / largest;
  });
  const difference = differences.some(Number.isNaN) ? NaN : Math.max(...differences);
  const tolerance = isDrawn ? 1 - tokenTolerance : valueTolerance;
  return { workload, difference, tolerance, agrees: difference <= tolerance };
}

/** Formats a comparison. */
export function formatParity({ workload, difference, tolerance, agrees }: ParityResult): string {
  const what = workload === 'gpt_sample' ? 'share of other tokens' : 'largest relative difference';
  return `${agrees ? '✓' : '✗'} ${workload.padEnd(20)} ${what} ${difference.toExponential(1)} (allowed ${tolerance.toExponential(1)})`;
}
