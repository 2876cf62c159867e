import { DataError } from '@vitvq/core';
import {
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type AsyncBuffer,
  type FileMetaData,
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
    return asDataError(bytes.name, async () => new ParquetFile(bytes.name, file, await parquetMetadataAsync(file)));
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
        compressors,
        columns: [...columns],
        rowStart: begin,
        rowEnd: end,
        // Bytes that are not declared as text stay bytes.
        utf8: false,
      }),
    );
  }
}

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
