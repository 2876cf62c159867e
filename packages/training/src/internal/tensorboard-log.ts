import { DataError } from '@vitvq/core';
import { TensorBoardWriter } from '@vitvq/tensorboard';
import type { EncodedPicture } from './preview-files.js';

/**
 * Event files of a run. Events that the disk does not take wait for the next attempt; what fails is
 * told and costs the run nothing else.
 */
export class TensorBoardLog {
  readonly #writer: TensorBoardWriter;
  readonly #onError: (error: Error) => void;
  #isFailing = false;
  #lostEvents = 0;

  private constructor(writer: TensorBoardWriter, onError: (error: Error) => void) {
    this.#writer = writer;
    this.#onError = onError;
  }

  /**
   * Opens a new file; what earlier files of the folder say of steps after `step` no longer counts.
   */
  static async open(directory: string, step: number, onError: (error: Error) => void): Promise<TensorBoardLog> {
    return new TensorBoardLog(await TensorBoardWriter.open(directory, { startStep: step + 1 }), onError);
  }

  scalars(prefix: string, values: Readonly<Record<string, number>>, step: number): void {
    this.#try(() => {
      for (const [name, value] of Object.entries(values)) this.#writer.scalar(`${prefix}/${name}`, value, step);
    });
  }

  pictures(prefix: string, pictures: readonly EncodedPicture[], step: number): void {
    this.#try(() => {
      for (const { name, png } of pictures) this.#writer.image(`${prefix}/${name}`, png, step);
    });
  }

  /** Leaves out values that are not finite, which have no place in a histogram. */
  histogram(tag: string, values: ArrayLike<number>, step: number): void {
    const finite = Array.prototype.every.call(values, Number.isFinite)
      ? values
      : Array.from(values).filter(Number.isFinite);
    if (finite.length > 0) this.#try(() => this.#writer.histogram(tag, finite, step));
  }

  async flush(): Promise<void> {
    try {
      await this.#writer.flush();
      this.#isFailing = false;
    } catch (error) {
      this.#tell(error as Error);
    }
  }

  /** Writes what waits, and tells how many events are lost. */
  async close(): Promise<void> {
    try {
      await this.#writer.close();
    } catch (error) {
      this.#onError(error as Error);
    }
    if (this.#lostEvents === 0) return;
    const got = `no room for ${this.#lostEvents} events, which are lost`;
    this.#onError(new DataError({ where: this.#writer.file, expected: 'room for every event', got }));
  }

  #try(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#lostEvents++;
      this.#tell(error as Error);
    }
  }

  /** Once: a disk that is full stays full for a while. */
  #tell(error: Error): void {
    if (!this.#isFailing) this.#onError(error);
    this.#isFailing = true;
  }
}
