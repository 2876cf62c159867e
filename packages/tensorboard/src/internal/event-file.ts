import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';

const namePattern = /^events\.out\.tfevents\.(\d{10,})\./;

/** An event file that grows by whole pieces of bytes and never shrinks. */
export class EventFile {
  /** Path of the file. */
  readonly path: string;
  readonly #handle: fs.FileHandle;
  #size = 0;

  private constructor(path: string, handle: fs.FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /**
   * Creates `events.out.tfevents.<seconds>.<...>` in a folder, and the folder if it does not exist.
   * Readers take the files of a folder in the order of their names, so the seconds are later than
   * those of every existing file.
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
   * Appends all of the bytes or none: a failed attempt truncates what it wrote, or the next one
   * overwrites it.
   * @throws {DataError} naming the file and the system's reason
   */
  async append(bytes: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        done += (await this.#handle.write(bytes, done, bytes.length - done, this.#size + done)).bytesWritten;
      }
      this.#size += bytes.length;
    } catch (error) {
      // If this fails too, the file ends in a record cut short. Readers skip it until the next
      // attempt overwrites it.
      await this.#handle.truncate(this.#size).catch(() => undefined);
      throw this.#unwritable(error);
    }
  }

  /** Waits until the disk has stored everything that was appended. @throws {DataError} */
  async sync(): Promise<void> {
    try {
      await this.#handle.datasync();
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  /** Closes the file. @throws {DataError} */
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
