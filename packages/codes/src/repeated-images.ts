import type { BatchSource, ImageBatch } from '@vitvq/core';

/** Batches of all images again and again; `createBatches` of @vitvq/data makes one. */
export interface RepeatedImages extends BatchSource<ImageBatch> {
  /** Batches in which each image comes once. */
  readonly batchesPerEpoch: number;
}
