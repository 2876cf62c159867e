import { assertBatch, type BatchSource } from '@vitvq/core';

const where = 'Trainer, data';

/**
 * Batches of a source, each of which is asked for before it is taken, so that it is prepared while
 * a step runs.
 */
export class Prefetch<Batch> {
  readonly #source: BatchSource<Batch>;
  #pending: Promise<Batch>;
  #count = 0;

  constructor(source: BatchSource<Batch>) {
    this.#source = source;
    this.#pending = this.#ask();
  }

  /** Waits for the batch that was asked for last. @throws {DataError} when the source has ended */
  take(): Promise<Batch> {
    return this.#pending;
  }

  /** Asks for the next batch. */
  askForNext(): void {
    this.#pending = this.#ask();
  }

  #ask(): Promise<Batch> {
    const batch = this.#next();
    // Whoever takes the batch gets the error; nobody does after an abort, and then it is not
    // unhandled.
    batch.catch(() => undefined);
    return batch;
  }

  async #next(): Promise<Batch> {
    const batch = await this.#source.next();
    assertBatch(batch, this.#count, where);
    this.#count++;
    return batch;
  }
}
