import type { SourceBatch } from './source-batch.js';
import type { SkippedImage } from './skipped-image.js';

/**
 * Batches in order, without end unless `epochs` is given. Leaving an iteration over the stream
 * closes it.
 */
export interface BatchStream extends AsyncIterable<SourceBatch> {
  /**
   * Number of batches handed out since the first one of all; a stream with `startAt: position` goes
   * on exactly here.
   */
  readonly position: number;
  readonly batchesPerEpoch: number;
  /** Position at which the stream ends; `Infinity` without `epochs`. */
  readonly end: number;
  /**
   * Text that differs where batches differ: it covers the sources (see `sourceFingerprint`) and the
   * options that decide what is in a batch.
   */
  readonly fingerprint: string;
  /** Unusable images so far, each once, in order of batches. */
  readonly skipped: readonly SkippedImage[];
  /**
   * Returns the next batch.
   * @throws {DataError} after the end or `close`; when no image can be used, or in strict mode
   *   one image cannot; when a source breaks its contract. What `read` of a source throws is passed
   *   on.
   */
  next(): Promise<SourceBatch>;
  /** Ends the threads; a batch that is awaited rejects. */
  close(): Promise<void>;
}
