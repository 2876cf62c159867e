import { assertBatch, assertMembers, type ImageBatch } from '@vitvq/core';
import type { RepeatedImages } from '../repeated-images.js';

/**
 * Opens the images so that the first batch is number `startAt`; the same number must always give
 * the same batch.
 */
type OpenBatches = (startAt: number) => RepeatedImages | Promise<RepeatedImages>;

/** Batches by number; going on from one to the next does not open them again. */
export class SeekableBatches {
  readonly #open: OpenBatches;
  readonly #where: string;
  #source: RepeatedImages | undefined;
  #next = 0;

  /** @param where  function of the caller, for errors */
  constructor(open: OpenBatches, where: string) {
    this.#open = open;
    this.#where = where;
  }

  get perEpoch(): number {
    return this.#source!.batchesPerEpoch;
  }

  get fingerprint(): string | undefined {
    return this.#source!.fingerprint;
  }

  /** Returns a batch, counted from the very first. @throws {DataError} */
  async at(position: number): Promise<ImageBatch> {
    if (!this.#source || this.#next !== position) {
      await this.close();
      const source = await this.#open(position);
      assertMembers(source, ['next', 'close', 'batchesPerEpoch'], 'what openBatches returns', this.#where);
      this.#source = source;
    }
    this.#next = position + 1;
    const batch = await this.#source.next();
    assertBatch(batch, position, `${this.#where}, data`);
    return batch;
  }

  async close(): Promise<void> {
    await this.#source?.close();
    this.#source = undefined;
  }
}
