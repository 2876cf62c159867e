import { constants, promises as fs } from 'node:fs';
import { DataError } from '@vitvq/core';
import { systemReason } from './system-reason.js';

/**
 * A file that grows by whole pieces of bytes: a piece is appended whole or not at all, whatever
 * happens to the disk. The file is opened anew for each piece, so that a file that somebody moved
 * or removed comes back. One process at a time appends to a file.
 */
export class AppendOnlyFile {
  /** Path of the file. */
  readonly path: string;
  /** Number of bytes that were appended whole. */
  #size: number;

  private constructor(path: string, size: number) {
    this.path = path;
    this.#size = size;
  }

  /**
   * Creates an empty file.
   * @throws {DataError} when there is one of that name, or it cannot be created
   */
  static async create(path: string): Promise<AppendOnlyFile> {
    try {
      await (await fs.open(path, 'wx')).close();
    } catch (error) {
      throw unwritable(path, 'to create the file', error);
    }
    return new AppendOnlyFile(path, 0);
  }

  /**
   * Goes on with a file that is there.
   * @throws {DataError} when there is none
   */
  static async open(path: string): Promise<AppendOnlyFile> {
    try {
      return new AppendOnlyFile(path, (await fs.stat(path)).size);
    } catch (error) {
      throw unwritable(path, 'a file to append to', error);
    }
  }

  /**
   * Appends all of the bytes or none. What a failed attempt wrote is cut off, by the next attempt
   * where the disk refuses that too.
   * @throws {DataError} naming the file and the system's reason
   */
  async append(bytes: Uint8Array): Promise<void> {
    await this.#open(async (handle) => {
      const { size } = await handle.stat();
      const begin = Math.min(size, this.#size);
      if (size > begin) await handle.truncate(begin);
      try {
        for (let done = 0; done < bytes.length;) {
          done += (await handle.write(bytes, done, bytes.length - done, begin + done)).bytesWritten;
        }
      } catch (error) {
        await handle.truncate(begin).catch(() => undefined); // the next attempt tries again
        throw error;
      }
      return begin + bytes.length;
    });
  }

  /**
   * Waits until the disk has stored everything that was appended.
   * @throws {DataError} naming the file and the system's reason
   */
  async sync(): Promise<void> {
    await this.#open(async (handle) => {
      await handle.datasync();
      return this.#size;
    });
  }

  /** Uses the file; what was appended counts once the file has been closed without an error. */
  async #open(use: (handle: fs.FileHandle) => Promise<number>): Promise<void> {
    try {
      // Not for appending: Linux ignores positions in files that are opened so.
      const handle = await fs.open(this.path, constants.O_WRONLY | constants.O_CREAT);
      let size: number;
      try {
        size = await use(handle);
      } finally {
        await handle.close();
      }
      this.#size = size;
    } catch (error) {
      throw unwritable(this.path, 'to append to the file', error);
    }
  }
}

function unwritable(where: string, expected: string, error: unknown): DataError {
  return new DataError({ where, expected, got: systemReason(error) }, { cause: error });
}
