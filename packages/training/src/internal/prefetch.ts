import type { BatchSource } from '@vitvq/core';

/**
 * Batches of a source, each of which is asked for before it is taken, so that it is prepared while
 * a step runs.
 */
export class Prefetch<Batch> {
  readonly #source: BatchSource<Batch>;
  #pending: Promise<Batch>;

  constructor(source: BatchSource<Batch>) {
    this.#source = source;
    this.#pending = this.#ask();
  }

  /** Waits for the batch that was asked for last. */
  take(): Promise<Batch> {
    return this.#pending;
  }

  /** Asks for the next batch. */
  askForNext(): void {
    this.#pending = this.#ask();
  }

  #ask(): Promise<Batch> {
    const batch = this.#source.next();
    // Whoever takes the batch gets the error; nobody does after an abort, and then it is not
    // unhandled.
    batch.catch(() => undefined);
    return batch;
  }
}
