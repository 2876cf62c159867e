import { DataError } from '@vitvq/core';
import {
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  type SchemaTree,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { ByteRange } from './byte-range.js';

/** Rows of a file that are compressed together. */
export interface RowGroup {
  /** First row. */
  readonly begin: number;
  /** Row behind the last one. */
  readonly end: number;
}

/** A row as an object of its columns. */
export type ParquetRow = Readonly<Record<string, unknown>>;

/** A parquet file whose metadata has been read. */
export class ParquetFile {
  readonly name: string;
  /** Names of the columns. */
  readonly columns: readonly string[];
  readonly groups: readonly RowGroup[];
  readonly #file: AsyncBuffer;
  readonly #metadata: FileMetaData;

  private constructor(name: string, file: AsyncBuffer, metadata: FileMetaData) {
    this.name = name;
    this.#file = file;
    this.#metadata = metadata;
    this.columns = parquetSchema(metadata).children.map(({ element }) => element.name);
    let begin = 0;
    this.groups = metadata.row_groups.map(({ num_rows }) => {
      const group = { begin, end: begin + Number(num_rows) };
      begin = group.end;
      return group;
    });
  }

  /** Reads the metadata. @throws {DataError} for what is no parquet file */
  static async open(bytes: ByteRange): Promise<ParquetFile> {
    const file: AsyncBuffer = {
      byteLength: bytes.size,
      slice: async (begin, end = bytes.size) => {
        const from = begin < 0 ? bytes.size + begin : begin;
        const part = await bytes.read(from, Math.min(end, bytes.size));
        return part.buffer.slice(part.byteOffset, part.byteOffset + part.byteLength) as ArrayBuffer;
      },
    };
    return asDataError(bytes.name, async () => {
      const metadata = await parquetMetadataAsync(file);
      assertColumns(metadata);
      const opened = new ParquetFile(bytes.name, file, metadata);
      const rows = opened.groups.at(-1)?.end ?? 0;
      // An image takes more than a byte; more rows would only fill the memory.
      if (rows > bytes.size) throw new Error(`${rows} rows in ${bytes.size} bytes`);
      return opened;
    });
  }

  /** Returns the number of bytes that a column of a row group has when it is unpacked. */
  columnBytes(group: number, column: string): number {
    return this.#metadata.row_groups[group]!.columns.reduce(
      (sum, { meta_data }) =>
        meta_data?.path_in_schema[0] === column ? sum + Number(meta_data.total_uncompressed_size) : sum,
      0,
    );
  }

  /** Returns the names of the classes that the `datasets` library notes for a column. */
  classNames(column: string): readonly string[] | undefined {
    const note = this.#metadata.key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
    try {
      const { info } = JSON.parse(note ?? '{}') as { info?: { features?: Record<string, { names?: unknown }> } };
      const names = info?.features?.[column]?.names;
      return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
    } catch {
      return undefined;
    }
  }

  /** Reads some columns of rows. @throws {DataError} for damaged rows */
  read({ begin, end }: RowGroup, columns: readonly string[]): Promise<ParquetRow[]> {
    return asDataError(this.name, () =>
      parquetReadObjects({
        file: this.#file,
        metadata: this.#metadata,
        compressors: boundedCompressors,
        columns: [...columns],
        rowStart: begin,
        rowEnd: end,
        // Bytes that are not declared as text stay bytes.
        utf8: false,
      }),
    );
  }
}

/**
 * Checks that each row group has each column of the schema once: where the library meets another
 * one while it reads, it leaves the reading of the others behind, whose errors would end the
 * process.
 */
function assertColumns(metadata: FileMetaData): void {
  const leaves = (tree: SchemaTree): string[] =>
    tree.children.length > 0 ? tree.children.flatMap(leaves) : [JSON.stringify(tree.path)];
  const wanted = leaves(parquetSchema(metadata)).sort().join();
  for (const { columns } of metadata.row_groups) {
    const found = columns.map(({ meta_data }) => JSON.stringify(meta_data?.path_in_schema)).sort();
    if (found.join() !== wanted) throw new Error('columns that do not fit the schema');
  }
}

/** Pages of more bytes are refused before memory is taken for them. */
const MAXIMUM_PAGE_BYTES = 2 ** 30;

const boundedCompressors: Compressors = Object.fromEntries(
  Object.entries(compressors).map(([codec, unpack]) => [
    codec,
    (input: Uint8Array, bytes: number) => {
      if (bytes > MAXIMUM_PAGE_BYTES) throw new Error(`a page of ${bytes} bytes`);
      return unpack(input, bytes);
    },
  ]),
);

/** The library throws plain errors, whatever is wrong. */
async function asDataError<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DataError) throw error;
    const got = error instanceof Error ? error.message : String(error);
    throw new DataError({ where, expected: 'a parquet file', got }, { cause: error });
  }
}
