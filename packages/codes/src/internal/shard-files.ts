import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { openSafetensors, type SafetensorsEntry } from '@vitvq/checkpoint';
import { DataError } from '@vitvq/core';

/** Files that are open at once. */
const maximumOpen = 32;

interface OpenFile {
  readonly handle: fs.FileHandle;
  /** Of the data section. */
  readonly start: number;
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
}

/** Reads single rows of tensors in many safetensors files. */
export class ShardFiles {
  readonly #directory: string;
  readonly #open = new Map<string, OpenFile>();
  /** Reads go one after the other, so that no file is closed while it is read. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Rows of a tensor `[rows, ..]`, each of `size` values of 32 bits. @throws {DataError} */
  read<T extends Int32Array | Float32Array>(
    name: string,
    tensor: string,
    rows: readonly number[],
    size: number,
    create: new (length: number) => T,
  ): Promise<T[]> {
    const result = this.#last.then(async () => {
      const { handle, start, entries } = await this.#file(name);
      const { begin } = entries.get(tensor)!;
      return Promise.all(
        rows.map(async (row) => {
          const values = new create(size);
          const { bytesRead } = await handle.read(
            new Uint8Array(values.buffer as ArrayBuffer),
            0,
            values.byteLength,
            start + begin + row * values.byteLength,
          );
          if (bytesRead === values.byteLength) return values;
          throw new DataError({
            where: join(this.#directory, name),
            expected: `row ${row} of ${tensor}`,
            got: 'the end of the file',
            fix: 'The file was changed while it was read.',
          });
        }),
      );
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  async close(): Promise<void> {
    await this.#last;
    for (const { handle } of this.#open.values()) await handle.close();
    this.#open.clear();
  }

  async #file(name: string): Promise<OpenFile> {
    const known = this.#open.get(name);
    if (known) {
      // The one that was used longest ago comes first.
      this.#open.delete(name);
      this.#open.set(name, known);
      return known;
    }
    const [oldest] = this.#open;
    if (oldest && this.#open.size >= maximumOpen) {
      this.#open.delete(oldest[0]);
      await oldest[1].handle.close();
    }
    const opened = await open(join(this.#directory, name));
    this.#open.set(name, opened);
    return opened;
  }
}

async function open(file: string): Promise<OpenFile> {
  const checked = await openSafetensors(file);
  await checked.close();
  const handle = await fs.open(file);
  // The data section comes after the length of the header and the header (safetensors).
  const length = Buffer.alloc(8);
  await handle.read(length, 0, 8, 0);
  const start = 8 + Number(length.readBigUInt64LE());
  return { handle, start, entries: new Map(checked.entries.map((entry) => [entry.name, entry])) };
}
