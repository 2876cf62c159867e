import { InputFile } from '@vitvq/files';

/** Something whose bytes can be read from anywhere: a file on the disk or on the web. */
export interface ByteRange {
  /** Path or address, for messages. */
  readonly name: string;
  /** Number of bytes. */
  readonly size: number;
  /**
   * Returns exactly the bytes `[begin, end)`.
   * @throws {DataError} when there are fewer, or they cannot be read
   */
  read(begin: number, end: number): Promise<Uint8Array>;
}

/** Uses a file while it is open. @throws {DataError} for what cannot be read */
export async function withFile<T>(path: string, noun: string, use: (file: ByteRange) => Promise<T>): Promise<T> {
  const file = await InputFile.open(path, noun);
  try {
    return await use({ name: path, size: file.size, read: (begin, end) => file.read(begin, end) });
  } finally {
    await file.close();
  }
}

/**
 * Returns a file that is opened for each read alone, because a data set may have more files than a
 * process may have open.
 */
export function closedFile(path: string, size: number, noun: string): ByteRange {
  return { name: path, size, read: (begin, end) => withFile(path, noun, (file) => file.read(begin, end)) };
}

/** Bytes that are read at once while an index is made. */
const WINDOW_BYTES = 2 ** 15;

/** Reads small pieces that lie close together with few requests. */
export class WindowedReader {
  readonly #source: ByteRange;
  #begin = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(source: ByteRange) {
    this.#source = source;
  }

  /** Returns the bytes `[begin, end)`. @throws {DataError} as `ByteRange.read` */
  async read(begin: number, end: number): Promise<Uint8Array> {
    if (begin < this.#begin || end > this.#begin + this.#bytes.length) {
      this.#bytes = await this.#source.read(begin, Math.max(end, Math.min(begin + WINDOW_BYTES, this.#source.size)));
      this.#begin = begin;
    }
    return this.#bytes.subarray(begin - this.#begin, end - this.#begin);
  }
}
