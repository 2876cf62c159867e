/** One workload of one preset, as the PyTorch peers take it with `--serve`. */
export interface MeasureRequest {
  readonly workload: string;
  readonly preset: string;
  readonly repeats: number;
}

/** Resident memory after training steps, or after so many sampled batches; our side only. */
export interface MemoryRequest {
  readonly memoryAt: readonly number[];
  readonly of: 'training' | 'sampling';
}

/** Sampling with several batch sizes; our side only. */
export interface BatchesRequest {
  readonly batches: readonly number[];
  readonly preset: string;
}

/** Import of a checkpoint; our side only. */
export interface ImportRequest {
  readonly importFile: string;
}

/** What either side answers. */
export interface Measurement {
  readonly system: string;
  /** Whether PyTorch compiled its loss. The peer's only. */
  readonly compile?: boolean;
  readonly threads: number;
  /** The device that computes, and the most of its memory that was in use, where that is known. */
  readonly device?: string | undefined;
  readonly device_mb?: number | undefined;
  /** Milliseconds of each repeat, and of processor time. */
  readonly ms: readonly number[];
  readonly cpu_ms: readonly number[];
  /** Pictures or tokens that one run handles. */
  readonly per_run: number;
  readonly unit: string;
  readonly params: number;
  /** Peak resident memory of the process so far. */
  readonly rss_mb: number;
  /** Tracing, lowering and loading, all programs of the process together. Ours only. */
  readonly compile_ms?: number;
  /** What a repeat must read from memory at the least, where that is what limits it. Ours only. */
  readonly bytes?: number;
}
