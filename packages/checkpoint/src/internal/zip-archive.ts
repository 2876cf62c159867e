import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { DataError } from '@vitvq/core';
import type { InputFile } from '@vitvq/files';
import yauzl from 'yauzl';
import { boundedName } from './bounded-name.js';
import { quote } from './scan-json.js';

/** A file of an archive. Its bytes are `[begin, end)` of the archive. */
export interface ZipEntry {
  readonly name: string;
  /** Whether the content is deflated; otherwise it is stored as it is. */
  readonly isDeflated: boolean;
  readonly begin: number;
  readonly end: number;
  /** Bytes of the content. */
  readonly size: number;
}

const maximumEntries = 200_000;

/**
 * Largest size of all deflated contents together: this number of bytes, or this multiple of the
 * size of the archive where that is more.
 */
const maximumInflatedBytes = 64 * 2 ** 20;
const maximumInflatedRatio = 100;

/** Bytes at the end of an archive that are read at once. Most directories fit. */
const tailBytes = 2 ** 20;

/** Bytes that are read at once for a header. */
const windowBytes = 512;

/** Bytes that are read and inflated at once. */
const pieceBytes = 2 ** 20;

/**
 * Returns the files of a zip archive, which may come from anywhere. Names differ and stay within
 * the archive, entries lie within the file and do not overlap, and deflated contents stay within a
 * bound. Checksums are not compared: PyTorch does not always write them, and never reads them.
 * @throws {DataError} naming the archive and the problem
 */
export async function readZipDirectory(input: InputFile): Promise<Map<string, ZipEntry>> {
  const refuse = (expected: string, got: string, fix?: string): never => {
    throw new DataError({ where: input.path, expected, got, fix });
  };
  const entries = new Map<string, ZipEntry>();
  /** Ranges from the local header of an entry to the end of its content. */
  const extents: { readonly name: string; readonly begin: number; readonly end: number }[] = [];
  let inflated = 0;
  try {
    const reader = await ArchiveReader.open(input);
    const archive = await yauzl.fromRandomAccessReaderPromise(reader, input.size, { strictFileNames: true });
    for await (const entry of archive.eachEntry()) {
      const { fileName, compressionMethod, compressedSize, uncompressedSize: size } = entry;
      if (entries.size >= maximumEntries) return refuse(`at most ${maximumEntries} entries`, 'more');
      const name = boundedName(fileName, 'names', refuse);
      if (entries.has(name)) return refuse('names that differ', `${quote(name)} twice`);
      const isDeflated = compressionMethod === 8;
      if (entry.isEncrypted()) return refuse('an archive that is not encrypted', `${quote(name)}, which is`);
      if (!isDeflated && compressionMethod !== 0) {
        return refuse(`${quote(name)} to be stored or deflated`, `compression method ${compressionMethod}`);
      }
      if (isDeflated) inflated += size;
      const bound = Math.max(maximumInflatedBytes, maximumInflatedRatio * input.size);
      if (inflated > bound) {
        return refuse(`content of ${bound} bytes at most`, `more up to ${quote(name)}`, 'This is a zip bomb.');
      }
      const { fileDataStart: begin } = await archive.readLocalFileHeaderPromise(entry, { minimal: true });
      const end = begin + compressedSize;
      if (!(end <= input.size)) {
        return refuse(
          `${quote(name)} within the ${input.size} bytes of the file`,
          `its end at ${end}`,
          'It was cut off.',
        );
      }
      entries.set(name, { name, isDeflated, begin, end, size });
      extents.push({ name, begin: entry.relativeOffsetOfLocalHeader, end });
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    const got = quote((error as Error).message);
    return refuse('a zip archive', got, 'The file is damaged or was cut off.');
  }
  extents.sort((a, b) => a.begin - b.begin || a.end - b.end);
  for (const [index, { name, begin }] of extents.entries()) {
    const before = extents[index - 1];
    if (before && begin < before.end) {
      return refuse('entries that do not overlap', `${quote(before.name)} and ${quote(name)}, which do`);
    }
  }
  return entries;
}

/**
 * Returns the content of a deflated entry.
 * @throws {DataError} unless the content has exactly the size that the directory states, and fits
 *   into memory
 */
export async function inflateEntry(
  input: InputFile,
  { name, begin, end, size }: ZipEntry,
): Promise<Uint8Array<ArrayBuffer>> {
  const refuse = (expected: string, got: string, fix = 'The file is damaged.'): never => {
    throw new DataError({ where: input.path, expected: `${quote(name)} to ${expected}`, got, fix });
  };
  let content: Uint8Array<ArrayBuffer>;
  try {
    content = new Uint8Array(size);
  } catch {
    return refuse('fit into memory', `${size} bytes`, 'The file is damaged, or too large.');
  }
  const expected = `inflate to ${size} bytes`;
  let done = 0;
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let position = begin; position < end; position += pieceBytes) {
      yield await input.read(position, Math.min(end, position + pieceBytes));
    }
  }
  try {
    await pipeline(Readable.from(pieces()), createInflateRaw(), async (inflated: AsyncIterable<Uint8Array>) => {
      for await (const piece of inflated) {
        done += piece.length;
        if (done > size) return;
        content.set(piece, done - piece.length);
      }
    });
  } catch (error) {
    if (error instanceof DataError) throw error;
    // Leaving a stream before its end may already make it fail.
    if (done <= size) return refuse(expected, quote((error as Error).message));
  }
  return done === size ? content : refuse(expected, done > size ? 'more' : `${done}`);
}

/**
 * Lets yauzl read an open file, and keeps the end of the file, where the directory is, and what was
 * read last.
 */
class ArchiveReader extends yauzl.RandomAccessReader {
  readonly #input: InputFile;
  readonly #tail: Uint8Array;
  /**
   * What was read last, the newest first: one of the directory and one of headers, which lie close
   * together where entries are small.
   */
  readonly #windows: { readonly begin: number; readonly bytes: Uint8Array }[] = [];

  private constructor(input: InputFile, tail: Uint8Array) {
    super();
    this.#input = input;
    this.#tail = tail;
  }

  static async open(input: InputFile): Promise<ArchiveReader> {
    return new ArchiveReader(input, await input.read(Math.max(0, input.size - tailBytes), input.size));
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.#read(length, position).then(
      (bytes) => {
        buffer.set(bytes, offset);
        setImmediate(callback, null, length);
      },
      (error: unknown) => setImmediate(callback, error as Error),
    );
  }

  async #read(length: number, position: number): Promise<Uint8Array> {
    const { size } = this.#input;
    if (position + length > size) throw new Error(`a part of ${length} bytes at ${position}, beyond its end`);
    const tailStart = size - this.#tail.length;
    if (position >= tailStart) return this.#tail.subarray(position - tailStart, position - tailStart + length);
    const windows = this.#windows;
    const known = windows.findIndex(
      ({ begin, bytes }) => position >= begin && position + length <= begin + bytes.length,
    );
    const [window] = known < 0 ? [] : windows.splice(known, 1);
    const end = Math.min(size, position + Math.max(length, windowBytes));
    const { begin, bytes } = window ?? { begin: position, bytes: await this.#input.read(position, end) };
    windows.unshift({ begin, bytes });
    windows.length = Math.min(windows.length, 2);
    return bytes.subarray(position - begin, position - begin + length);
  }
}
