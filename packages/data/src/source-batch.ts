import type { HostImages, ImageBatch } from '@vitvq/core';

/** A batch of images of a source; all its arrays belong to the caller. */
export interface SourceBatch extends ImageBatch {
  /** `[B, H, W, C]` row-major, in [0, 1]. */
  readonly images: Float32Array;
  readonly shape: [batch: number, height: number, width: number, channels: number];
  /** The condition image of each image, from `conditionSource`; absent without one. */
  readonly conditionImages?: HostImages;
  /** Class of each image; -1 in padding. */
  readonly labels: Int32Array;
  /** Position in the source of each image; -1 in padding. */
  readonly indices: Int32Array;
  /** Number of images that are not padding; they come first. */
  readonly count: number;
  /** Number of times that the stream has gone through the source before. */
  readonly epoch: number;
  /** Position of the batch in the epoch. */
  readonly index: number;
}
