import type { Hash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { DataError } from '@vitvq/core';
import { regularFileSize } from './regular-file.js';
import { systemReason } from './system-reason.js';

/** Bytes that are read and hashed at once. */
const pieceBytes = 4 * 2 ** 20;

/** A regular file that is open for reading; every error names the file. */
export class InputFile {
  /** Path of the file. */
  readonly path: string;
  /** Number of bytes when the file was opened. */
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
   * Opens a file.
   * @param noun  description of the file for errors, such as "a safetensors file"
   * @throws {DataError} for what cannot be read and for pipes, devices and directories
   */
  static async open(path: string, noun: string): Promise<InputFile> {
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

  /**
   * Returns exactly the bytes `[begin, end)`.
   * @throws {DataError} when the file is shorter or cannot be read
   */
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

  /**
   * Adds the bytes `[begin, end)` to a hash without keeping them.
   * @throws {DataError} as {@link read}
   */
  async hash(hash: Hash, begin = 0, end = this.size): Promise<void> {
    const piece = new Uint8Array(Math.min(pieceBytes, end - begin));
    for (let position = begin; position < end; position += piece.length) {
      const bytes = piece.subarray(0, Math.min(piece.length, end - position));
      await this.#fill(bytes, position);
      hash.update(bytes);
    }
  }

  /** Closes the file. */
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
