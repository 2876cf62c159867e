import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';

const namePattern = /^events\.out\.tfevents\.(\d{10,})\./;

/** An event file that only grows, by whole pieces. */
export class EventFile {
  readonly path: string;
  readonly #handle: fs.FileHandle;
  #size = 0;

  private constructor(path: string, handle: fs.FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /**
   * Creates `events.out.tfevents.<seconds>.<...>` in a folder, which is created if need be. Readers take the files of a
   * folder in the order of their names, so the seconds are later than those of every file that is there.
   * @throws {DataError} naming the folder and the system's reason
   */
  static async create(directory: string): Promise<EventFile> {
    try {
      await fs.mkdir(directory, { recursive: true });
      const earlier = (await fs.readdir(directory)).map((name) => Number(namePattern.exec(name)?.[1] ?? 0));
      const seconds = Math.max(Math.floor(Date.now() / 1000), ...earlier.map((time) => time + 1));
      const path = join(directory, `events.out.tfevents.${String(seconds).padStart(10, '0')}.vitvq.${process.pid}`);
      return new EventFile(path, await fs.open(path, 'wx'));
    } catch (error) {
      throw new DataError(
        { where: directory, expected: 'to create an event file', got: (error as Error).message },
        { cause: error },
      );
    }
  }

  /**
   * Appends all of the bytes or none: what a failed attempt wrote is taken back or overwritten by the next one.
   * @throws {DataError} naming the file and the system's reason
   */
  async append(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        done += (await this.#handle.write(bytes, done, bytes.length - done, this.#size + done)).bytesWritten;
      }
      this.#size += bytes.length;
    } catch (error) {
      // Should this fail too, the file ends in a record cut short, which readers pass over until it is overwritten.
      await this.#handle.truncate(this.#size).catch(() => undefined);
      throw this.#unwritable(error);
    }
  }

  /** Makes what was appended survive a power cut. @throws {DataError} */
  async sync(): Promise<void> {
    try {
      await this.#handle.datasync();
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  /** @throws {DataError} */
  async close(): Promise<void> {
    try {
      await this.#handle.close();
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  #unwritable(error: unknown): DataError {
    return new DataError(
      { where: this.path, expected: 'to write events', got: (error as Error).message },
      { cause: error },
    );
  }
}
