import {
  assertImages,
  assertMembers,
  countOf,
  DataError,
  elementCount,
  formatShape,
  takeRows,
  type HostImages,
  type ImageBatch,
} from '@vitvq/core';

/**
 * Opens a set of images from its beginning; `createBatches` of @vitvq/data does so for one epoch.
 */
export type OpenBatches = () => Iterable<ImageBatch> | AsyncIterable<ImageBatch>;

/** A batch of the same shape as all others of its set. */
export interface EqualBatch {
  /** Padded with its own first image to the size of the first batch. */
  readonly images: HostImages;
  /** Number of images that are not padding. */
  readonly count: number;
  readonly labels: ArrayLike<number> | undefined;
}

/**
 * Reads batches in shapes that are all alike, as compiled functions take them.
 * @throws {DataError} for a set without images, images of different sizes, values that are not in
 *   [0, 1], and more images in a batch than in the first one
 */
export async function* readBatches(
  open: OpenBatches,
  where: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<EqualBatch, void> {
  let first: readonly number[] | undefined;
  let total = 0;
  for await (const batch of open()) {
    signal?.throwIfAborted();
    assertMembers(batch, ['images', 'shape'], 'a batch', where);
    const count = countOf(batch);
    if (count === 0) continue;
    const [, ...imageShape] = batch.shape;
    const size = elementCount(imageShape);
    const data = batch.images.subarray(0, count * size);
    assertImages({ data, shape: [count, ...imageShape] }, where, { indices: batch.indices });
    first ??= batch.shape;
    if (formatShape(first.slice(1)) !== formatShape(imageShape) || count > first[0]!) {
      const expected = `batches like the first one, ${formatShape(first)}`;
      throw new DataError({ where, expected, got: formatShape(batch.shape), fix: 'Scale all images to one size.' });
    }
    const rows = Array.from({ length: first[0]! }, (_, row) => (row < count ? row : 0));
    const shape = first as HostImages['shape'];
    yield { images: { data: takeRows(data, size, rows), shape }, count, labels: batch.labels };
    total += count;
  }
  if (total === 0) throw new DataError({ where, expected: 'at least one image', got: 'none' });
}
