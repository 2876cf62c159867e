import type { Hash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { DataError } from '@vitvq/core';
import { regularFileSize } from './regular-file.js';
import { systemReason } from './system-reason.js';

/** Read and hashed at once; small enough to keep the event loop alive between two pieces. */
const pieceBytes = 4 * 2 ** 20;

/** A file that is open for reading; errors name it. */
export class InputFile {
  readonly path: string;
  readonly size: number;
  readonly #noun: string;
  readonly #handle: fs.FileHandle;

  private constructor(path: string, size: number, noun: string, handle: fs.FileHandle) {
    this.path = path;
    this.size = size;
    this.#noun = noun;
    this.#handle = handle;
  }

  /**
   * @param noun  what the file is, in errors
   * @throws {DataError} also for what is no regular file
   */
  static async open(path: string, noun = 'a safetensors file'): Promise<InputFile> {
    await regularFileSize(path, noun);
    let handle: fs.FileHandle | undefined;
    try {
      handle = await fs.open(path, 'r');
      return new InputFile(path, (await handle.stat()).size, noun, handle);
    } catch (error) {
      await handle?.close();
      throw unreadable(path, noun, error);
    }
  }

  /** Exactly the bytes `[begin, end)`. @throws {DataError} */
  async read(begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = new Uint8Array(end - begin);
    } catch (error) {
      throw unreadable(this.path, this.#noun, error);
    }
    await this.#fill(bytes, begin);
    return bytes;
  }

  /** Hashes the bytes `[begin, end)` without keeping them. @throws {DataError} */
  async hash(hash: Hash, begin = 0, end = this.size): Promise<void> {
    const piece = new Uint8Array(Math.min(pieceBytes, end - begin));
    for (let position = begin; position < end; position += piece.length) {
      const bytes = piece.subarray(0, Math.min(piece.length, end - position));
      await this.#fill(bytes, position);
      hash.update(bytes);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async #fill(bytes: Uint8Array, begin: number): Promise<void> {
    let done = 0;
    try {
      while (done < bytes.length) {
        const length = Math.min(bytes.length - done, 2 ** 30);
        const { bytesRead } = await this.#handle.read(bytes, done, length, begin + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
    } catch (error) {
      throw unreadable(this.path, this.#noun, error);
    }
    if (done < bytes.length) {
      throw new DataError({
        where: this.path,
        expected: `${begin + bytes.length} bytes`,
        got: `the end of the file at ${begin + done}`,
      });
    }
  }
}

function unreadable(file: string, noun: string, error: unknown): DataError {
  return new DataError(
    { where: file, expected: `${noun} that can be read`, got: systemReason(error) },
    { cause: error },
  );
}
