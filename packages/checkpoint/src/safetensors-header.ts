import { DataError } from '@vitvq/core';
import { dtypeNames, elementBytes, isDtype, type SafetensorsDtype, type WritableDtype } from './dtypes.js';
import { foreignFormat } from './internal/foreign-format.js';
import { quote, scanJson, type JsonLimits } from './internal/scan-json.js';

/** A tensor of a safetensors file. Offsets are bytes within the data section. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** A tensor of a file that is to be written. */
export interface WritableEntry extends SafetensorsEntry {
  readonly dtype: WritableDtype;
}

/** Content of a header. */
export interface SafetensorsHeader {
  /** Tensors in the order of their bytes. */
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: Record<string, string>;
}

/** Bytes before the header, which hold its length as a little-endian unsigned 64-bit integer. */
export const lengthBytes = 8;

/** Largest header, which is the limit of the reference implementation too. */
export const maximumHeaderBytes = 100_000_000;

/** Bounds of a header. It nests three deep: header, entry, list. */
export const headerLimits: JsonLimits = { noun: 'a header', maximumDepth: 3 };

/** Key of a header that holds the metadata. */
export const metadataName = '__metadata__';

/**
 * Returns the length of the header of a file of `fileBytes` bytes, from its first `formatBytes`
 * bytes, or all of a shorter file.
 * @throws {DataError} naming `where`, and the format of a file that is something else
 */
export function parseHeaderLength(first: Uint8Array, fileBytes: number, where: string): number {
  if (first.length < lengthBytes) {
    throw new DataError({
      where,
      expected: `a safetensors file of at least ${lengthBytes} bytes`,
      got: `${first.length}`,
      fix: 'The file is empty or was cut off.',
    });
  }
  const view = new DataView(first.buffer, first.byteOffset, lengthBytes);
  const length = view.getBigUint64(0, true);
  const room = BigInt(Math.min(fileBytes - lengthBytes, maximumHeaderBytes));
  const foreign = length > room || first[lengthBytes] !== 0x7b ? foreignFormat(first) : undefined;
  if (foreign && foreign.name !== 'safetensors') {
    throw new DataError({ where, expected: 'a safetensors file', got: foreign.what, fix: foreign.fix });
  }
  if (length > room) {
    throw new DataError({
      where,
      expected: `a safetensors header of at most ${room} bytes`,
      got: `a length of ${length}`,
      fix: 'The file was cut off or is not a safetensors file.',
    });
  }
  return Number(length);
}

/**
 * Parses and validates a header: every byte of the data section belongs to exactly one tensor. A
 * header has at most 1,000,000 names (of tensors, their fields and metadata) of 4,096 characters,
 * and 4,000,000 values. Parsing takes a few seconds and a gigabyte at most, whatever a header
 * holds.
 * @throws {DataError} naming `where` and the entry
 */
export function parseHeader(bytes: Uint8Array, dataBytes: number, where: string): SafetensorsHeader {
  const refuse = (expected: string, got: string, fix?: string): never => {
    throw new DataError({ where, expected, got, fix });
  };
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse('a header in UTF-8', 'other bytes', 'This is not a safetensors file.');
  }
  if (!text.startsWith('{')) {
    return refuse('a header that starts with "{"', quote(text.slice(0, 8)), 'This is not a safetensors file.');
  }
  let parsed: Record<string, unknown>;
  try {
    scanJson(text, headerLimits, refuse);
    parsed = JSON.parse(text) as Record<string, unknown>; // starts with "{", so it is an object
  } catch (error) {
    if (error instanceof DataError) throw error;
    return refuse('a header in JSON', quote((error as Error).message));
  }

  const metadata: Record<string, string> = {};
  const entries: SafetensorsEntry[] = [];
  for (const [name, value] of Object.entries(parsed)) {
    const label = name === metadataName ? name : `tensor ${quote(name)}`;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return refuse(`${label} to be described by an object`, quote(value));
    }
    if (name === metadataName) {
      for (const [key, item] of Object.entries(value as Record<string, unknown>)) {
        if (typeof item !== 'string') return refuse(`metadata ${quote(key)} to be a string`, quote(item));
        metadata[key] = item;
      }
      continue;
    }
    entries.push(parseEntry(name, label, value as Record<string, unknown>, dataBytes, refuse));
  }

  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const { name, begin, end } of entries) {
    if (begin !== position) {
      return refuse(
        `tensor ${quote(name)} to begin at byte ${position}, where the one before it ends`,
        String(begin),
        begin < position ? 'The two overlap.' : 'There is a gap between the two.',
      );
    }
    position = end;
  }
  if (position !== dataBytes) {
    return refuse(`tensors to fill the ${dataBytes} bytes of data`, `${position}`, 'The file has bytes of no tensor.');
  }
  return { entries, metadata };
}

function parseEntry(
  name: string,
  label: string,
  fields: Record<string, unknown>,
  dataBytes: number,
  refuse: (expected: string, got: string, fix?: string) => never,
): SafetensorsEntry {
  const { dtype, shape, data_offsets: offsets } = fields;
  if (!isDtype(dtype)) {
    return refuse(`dtype of ${label} to be one of ${dtypeNames.join(', ')}`, quote(dtype));
  }
  if (!isSizes(shape)) return refuse(`shape of ${label} to be a list of integers of at least 0`, quote(shape));
  if (!isSizes(offsets) || offsets.length !== 2) {
    return refuse(`data_offsets of ${label} to be two integers of at least 0`, quote(offsets));
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > dataBytes) {
    return refuse(
      `data_offsets of ${label} to be ascending and within the ${dataBytes} bytes of data`,
      `[${begin}, ${end}]`,
      end > dataBytes ? 'The file was cut off or its header is damaged.' : undefined,
    );
  }
  const bytes = shape.reduce((product, size) => product * size, elementBytes(dtype));
  // Beyond 2^53 a product is not exact, and can be neither trusted nor allocated. The elements of a
  // tensor must end at the end of a byte.
  if (!Number.isSafeInteger(bytes) || bytes !== end - begin) {
    return refuse(`${label} ${dtype} ${quote(shape)} to take ${bytes} bytes`, `${end - begin} bytes`);
  }
  return { name, dtype, shape, begin, end };
}

/** Returns whether a value is a list of integers of at least 0. */
export function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0 && !Object.is(item, -0));
}
