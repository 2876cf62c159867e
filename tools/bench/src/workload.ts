import type { ViTTokenizerConfig } from '@vitvq/tokenizer';

/** A function that is timed; a repeat is the sum over all of a workload, each times its share. */
export interface TimedRun {
  readonly share: number;
  /** Returns the values by which engines are compared: losses, pixels or tokens. */
  readonly run: () => Promise<ArrayLike<number>>;
}

/** A workload that is ready to run. */
export interface Workload {
  readonly runs: readonly TimedRun[];
  /** What a repeat handles, in `unit`. */
  readonly amount: number;
  readonly unit: string;
  readonly parameters: number;
  /** What a repeat must read from memory at the least, where that is what limits it. */
  readonly bytes?: number;
  /** Frees what it holds; without it the process ends with the workload. */
  readonly dispose?: () => void;
}

export interface TransformerPreset {
  readonly vocabSize: number;
  readonly classes: number;
  readonly grid: readonly [number, number];
  readonly dim: number;
  readonly depth: number;
  readonly numHeads: number;
  readonly batch: number;
}

export interface Preset {
  readonly model: ViTTokenizerConfig & { readonly imageSize: number };
  readonly batch: number;
  /** Channels of the discriminator at sides up to 32. */
  readonly discriminatorWidth: number;
  readonly gpt: TransformerPreset;
}
