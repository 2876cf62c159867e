/** Images in host memory: `data` holds `[B, H, W, C]` in [0, 1]. */
export interface HostImages {
  readonly data: Float32Array;
  readonly shape: readonly [number, number, number, number];
}

/** Tokens of images in host memory: `data` holds `[B, N]`, `[B, N, L]` with L residual levels, in raster order. */
export interface HostTokens {
  readonly data: Int32Array;
  readonly shape: readonly number[];
}

/** What batches of images and of codes have in common. */
export interface BatchFacts {
  /** Class of each image. */
  readonly labels?: Int32Array;
  /** Position of each image in its source. */
  readonly indices?: Int32Array;
  /** Images that are not padding; they come first. @default all */
  readonly count?: number;
}

/** Images that the tokenizer encodes when their turn comes; the batches of @vitvq/data are such. */
export interface ImageBatch extends BatchFacts {
  /** Row-major `[B, H, W, C]`, in [0, 1]. */
  readonly images: Float32Array;
  readonly shape: readonly number[];
  /** What a `CodeConditioner` encodes instead of the images themselves, B of them: segmentation maps, sketches. */
  readonly conditionImages?: HostImages;
}

/** Codes that were computed before. */
export interface CodeBatch extends BatchFacts {
  /** Row-major `[B, N]`, `[B, N, L]` with L residual levels. */
  readonly tokens: Int32Array;
  readonly shape: readonly number[];
  /** `[B, C]`, where they were computed before too. */
  readonly conditions?: Int32Array;
  /** What the conditioner that made them says of itself; undefined: not known, and not compared. */
  readonly conditionedBy?: Readonly<Record<string, unknown>>;
}

export type Stage2Batch = ImageBatch | CodeBatch;

/** Images of a batch that are not padding. */
export function countOf({ count, shape }: Stage2Batch): number {
  return count ?? shape[0]!;
}
