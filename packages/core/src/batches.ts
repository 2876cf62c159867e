/** Images in host memory. */
export interface HostImages {
  /** Row-major `[B, H, W, C]`, values in [0, 1]. */
  readonly data: Float32Array;
  readonly shape: readonly [number, number, number, number];
}

/** Tokens of images in host memory. */
export interface HostTokens {
  /** Row-major `[B, N]` (`[B, N, L]` with a code depth of L); tokens are in raster order. */
  readonly data: Int32Array;
  readonly shape: readonly number[];
}

/** The fields that batches of images and batches of codes share. */
export interface BatchFacts {
  /** Class of each image. */
  readonly labels?: Int32Array;
  /** Position of each image in its source. */
  readonly indices?: Int32Array;
  /** Number of images that are not padding; padding comes last. @default all of them */
  readonly count?: number;
}

/** A batch of images, such as `createBatches` of @vitvq/data returns. */
export interface ImageBatch extends BatchFacts {
  /** Row-major `[B, H, W, C]`, values in [0, 1]. */
  readonly images: Float32Array;
  readonly shape: readonly number[];
  /**
   * B images that a `CodeConditioner` encodes instead of `images`, such as segmentation maps or
   * sketches.
   */
  readonly conditionImages?: HostImages;
}

/** A batch of tokens that were computed earlier, such as `openCodes` of @vitvq/codes reads. */
export interface CodeBatch extends BatchFacts {
  /** Row-major `[B, N]` (`[B, N, L]` with a code depth of L). */
  readonly tokens: Int32Array;
  readonly shape: readonly number[];
  /**
   * Conditions, if these were computed earlier too: int32 tokens `[B, C]`, or the float32 numbers
   * `[B, ..]` that a conditioner embeds.
   */
  readonly conditions?: Int32Array | Float32Array;
  /**
   * Description of the conditioner that computed `conditions`; undefined when unknown, and then not
   * compared.
   */
  readonly conditionedBy?: Readonly<Record<string, unknown>>;
}

/** A batch from which a transformer can be trained. */
export type ImageOrCodeBatch = ImageBatch | CodeBatch;

/** Returns the number of images of a batch that are not padding. */
export function countOf({ count, shape }: ImageOrCodeBatch): number {
  return count ?? shape[0]!;
}
