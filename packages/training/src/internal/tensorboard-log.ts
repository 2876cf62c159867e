import { TensorBoardWriter } from '@vitvq/tensorboard';
import type { Picture } from '../picture.js';

/** Event files of a run: what fails is told and costs the run nothing else. */
export class TensorBoardLog {
  readonly #writer: TensorBoardWriter;
  readonly #onError: (error: Error) => void;
  #failed = false;

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

  pictures(prefix: string, pictures: readonly Picture[], step: number): void {
    this.#try(() => {
      for (const { name, ...picture } of pictures) this.#writer.image(`${prefix}/${name}`, picture, step);
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
    await this.#tryLater(() => this.#writer.flush());
  }

  async close(): Promise<void> {
    await this.#tryLater(() => this.#writer.close());
  }

  #try(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#tell(error as Error);
    }
  }

  async #tryLater(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      this.#tell(error as Error);
    }
  }

  /** Once: a disk that is full stays full for a while. */
  #tell(error: Error): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#onError(error);
  }
}
