/** Condition images as stage 2 takes them. */
export interface ConditionImages {
  /** `[B, H, W, C]` row-major, in [0, 1]; belongs to the caller. */
  readonly data: Float32Array;
  readonly shape: [batch: number, height: number, width: number, channels: number];
}

/** Images of one size with their labels. */
export interface ImageBatch {
  /** `[B, H, W, C]` row-major, in [0, 1]; belongs to the caller. */
  readonly images: Float32Array;
  /** The condition image of each image, from `conditionSource`; absent without one. */
  readonly conditionImages?: ConditionImages;
  /** Class of each image; -1 in padding. */
  readonly labels: Int32Array;
  /** Position in the source of each image; -1 in padding. */
  readonly indices: Int32Array;
  readonly shape: [batch: number, height: number, width: number, channels: number];
  /** Number of images that are not padding; they come first. */
  readonly count: number;
  readonly epoch: number;
  /** Position of the batch in the epoch. */
  readonly index: number;
}
