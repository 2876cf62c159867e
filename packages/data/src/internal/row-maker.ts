import { DataError } from '@vitvq/core';
import type { ImageDataset } from '../image-dataset.js';
import type { PlannedImage } from './batch-plan.js';
import type { CropSettings } from './crop-region.js';
import { cropSizes, decodeRow, type DecodeContext, type DecodeRow } from './decode-row.js';
import { closedError, createDecoder, type Decoder } from './decoder.js';
import { readRow } from './read-row.js';
import { Resampler } from './resample.js';

/** A row of a batch and the image that belongs there. */
export interface RowOrder {
  readonly row: number;
  readonly image: PlannedImage;
}

/**
 * Reads, decodes and crops images. Encoded images go to a decoder, whose threads start with the
 * first of them. Pixels are cropped on the calling thread: for small images that is faster than
 * handing them to another one.
 */
export class RowMaker {
  /** Values of a crop, for each source. */
  readonly sizes: readonly number[];
  readonly #sources: readonly ImageDataset[];
  readonly #context: DecodeContext;
  readonly #workers: number;
  readonly #resampler = new Resampler();
  #decoder: Decoder | undefined;
  #holds = 0;
  #isClosed = false;

  /** @param sources  the images, and their condition images where there are such */
  constructor(sources: readonly ImageDataset[], crop: CropSettings, workers: number) {
    this.#sources = sources;
    // Plain data, because it is sent to threads.
    this.#context = { sources: sources.map(({ decoding, channels }) => ({ decoding, channels })), crop };
    this.#workers = workers;
    this.sizes = cropSizes(this.#context);
  }

  /**
   * Writes the images of some rows of a batch to `outputs`, one for each source. Returns why rows
   * could not be filled.
   * @throws {DataError} in strict mode, when one row cannot be filled; when a source breaks its
   *   contract; after `close`
   */
  async fill(orders: readonly RowOrder[], outputs: readonly Float32Array[]): Promise<Map<number, string>> {
    const read = await Promise.all(orders.map(({ image }) => readRow(this.#sources, image)));
    if (this.#isClosed) throw closedError();
    const failures = new Map<number, string>();
    const fail = (row: number, name: string, reason: string): void => {
      if (this.#isStrict) throw unusable(name, reason);
      failures.set(row, reason);
    };
    const encoded: { readonly row: number; readonly job: DecodeRow }[] = [];
    for (const [position, job] of read.entries()) {
      const { row } = orders[position]!;
      if ('reason' in job) {
        fail(row, job.name, job.reason);
      } else if (job.images.every((image) => 'pixels' in image)) {
        const targets = outputs.map((data, source) => ({ data, offset: row * this.sizes[source]! }));
        const reason = await decodeRow(this.#context, job, targets, this.#resampler);
        if (reason !== undefined) fail(row, job.names[0]!, reason);
      } else {
        encoded.push({ row, job });
      }
    }
    if (encoded.length === 0) return failures;
    const decoded = await this.#startedDecoder().run(encoded.map(({ job }) => job));
    for (const { row, reason } of decoded.failures) fail(encoded[row]!.row, encoded[row]!.job.names[0]!, reason);
    for (const [source, output] of outputs.entries()) {
      const size = this.sizes[source]!;
      for (const [position, { row }] of encoded.entries()) {
        output.set(decoded.images[source]!.subarray(position * size, (position + 1) * size), row * size);
      }
    }
    return failures;
  }

  /** Keeps the process alive while work is unfinished, until `release`. */
  hold(): void {
    if (this.#holds++ === 0) this.#decoder?.hold();
  }

  release(): void {
    if (--this.#holds === 0) this.#decoder?.release();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#decoder?.close();
  }

  /** One of a pair is enough: what is refused is the pair. */
  get #isStrict(): boolean {
    return this.#sources.some(({ decoding }) => decoding.strict);
  }

  #startedDecoder(): Decoder {
    if (this.#decoder) return this.#decoder;
    this.#decoder = createDecoder(this.#context, this.#workers);
    if (this.#holds > 0) this.#decoder.hold();
    return this.#decoder;
  }
}

function unusable(name: string, reason: string): DataError {
  return new DataError({
    where: name,
    expected: 'a usable image',
    got: `one that is not: ${reason}`,
    fix: 'Repair or remove the image, or open its source without strict.',
  });
}
