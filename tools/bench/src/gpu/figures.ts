import type { Preset } from '../workload.js';

/** Dense bfloat16 peaks in TFLOP/s as NVIDIA states them; the first name that a card has counts. */
const peaks: readonly (readonly [name: RegExp, teraflops: number])[] = [
  [/\bB200\b/, 2250],
  [/\bB100\b/, 1750],
  [/\b(H200|GH200)\b/, 989],
  [/\bH100 (PCIe|NVL)\b/, 756],
  [/\bH100\b/, 989],
  [/\bH20\b/, 148],
  [/\bA100\b/, 312],
  [/\bA30\b/, 165],
  [/\bA10G?\b/, 125],
  [/\bL40S\b/, 362],
  [/\bL40\b/, 181],
  [/\bL4\b/, 121],
  [/\bRTX 5090\b/, 209],
  [/\bRTX 4090\b/, 165],
  [/\bRTX 3090\b/, 71],
];

/** Returns the bfloat16 peak of a card in TFLOP/s; undefined for one that is not in the table. */
export function bfloat16Peak(device: string): number | undefined {
  return peaks.find(([name]) => name.test(device))?.[1];
}

/** Floating-point operations of the blocks of a transformer for one token, forward. */
function blockFlops({ dim, depth, tokens }: { dim: number; depth: number; tokens: number }): number {
  const products = 2 * 12 * dim * dim; // qkv, output, and twice four times the width
  const attention = 2 * 2 * tokens * dim; // scores and values, all positions counted
  return depth * (products + attention);
}

/**
 * Returns the floating-point operations of one training step: matrix products alone, the backward
 * pass as twice the forward pass, attention as if nothing were masked (PaLM, arXiv:2204.02311,
 * appendix B). Undefined for workloads that train nothing.
 */
export function stepFlops(workload: string, { model, batch, gpt }: Preset): number | undefined {
  if (workload === 'gpt_step') {
    const tokens = gpt.grid[0] * gpt.grid[1];
    const forward = blockFlops({ ...gpt, tokens }) + 2 * gpt.dim * gpt.vocabSize;
    return 3 * forward * tokens * gpt.batch;
  }
  if (workload === 'stage1_step') {
    const { patchSize, encoder, decoder, quantizer, imageSize } = model;
    if (typeof patchSize !== 'number' || quantizer.kind !== 'vector') return undefined;
    const tokens = (imageSize / patchSize) ** 2;
    const pixels = 3 * patchSize * patchSize;
    const blocks = blockFlops({ ...encoder, tokens }) + blockFlops({ ...decoder, tokens });
    const ends = 2 * (encoder.dim + decoder.dim) * (pixels + quantizer.codeDim);
    const distances = 2 * quantizer.codebookSize * quantizer.codeDim; // forward only
    return (3 * (blocks + ends) + distances) * tokens * batch;
  }
  return undefined;
}

/** One system's figures of one workload. */
export interface Figures {
  readonly workload: string;
  readonly preset: string;
  readonly dtype: string;
  readonly side: 'ours' | 'jax' | 'pytorch';
  /** Why there are no figures. */
  readonly missing?: string;
  readonly system?: string;
  readonly device?: string | undefined;
  /** Median of the repeats. */
  readonly ms?: number;
  readonly perSecond?: number;
  readonly unit?: string;
  /** Peak memory of the device in MiB; of the process on a CPU. */
  readonly memoryMb?: number;
  readonly teraflops?: number | undefined;
  /** Share of the card's bfloat16 peak. */
  readonly peakShare?: number | undefined;
  /** The time of this system over ours, and its memory over ours: above 1 ours is better. */
  readonly timeRatio?: number | undefined;
  readonly memoryRatio?: number | undefined;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Formats one line of the table. */
export function formatFigures(figures: Figures): string {
  const { workload, dtype, side, missing, ms, perSecond = 0, unit, memoryMb, teraflops, peakShare } = figures;
  const start = `${workload.padEnd(12)}${dtype.padEnd(9)} ${side.padEnd(8)}`;
  if (missing !== undefined) return `${start} ${missing}`;
  const ratio = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(2));
  return [
    start,
    ms!.toFixed(1).padStart(9),
    perSecond.toFixed(0).padStart(9),
    unit!.padEnd(6),
    (memoryMb?.toFixed(0) ?? '?').padStart(8),
    ratio(figures.timeRatio).padStart(7),
    ratio(figures.memoryRatio).padStart(7),
    (teraflops?.toFixed(1) ?? '').padStart(8),
    (peakShare === undefined ? '' : percent(peakShare)).padStart(8),
  ].join(' ');
}

/** The titles above the lines of {@link formatFigures}. */
export const figuresHeader =
  `${'workload'.padEnd(12)}${'dtype'.padEnd(9)} ${'system'.padEnd(8)} ${'ms'.padStart(9)} ${'a second'.padStart(9)} ` +
  `${''.padEnd(6)} ${'MB'.padStart(8)} ${'t/ours'.padStart(7)} ${'MB/ours'.padStart(7)} ${'TFLOP/s'.padStart(8)} ${'of peak'.padStart(8)}`;
