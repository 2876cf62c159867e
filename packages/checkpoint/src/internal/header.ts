import { ConfigError, DataError, ShapeError, formatShape, type HostTensor } from '@vitvq/core';
import { elementBytes, isDtype, type SafetensorsDtype } from './dtypes.js';

/** One tensor of a file; offsets are bytes within the data section. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In order of their bytes. */
  readonly entries: readonly SafetensorsEntry[];
  readonly metadata: Record<string, string>;
}

/** Bytes before the header: its length, as a little-endian unsigned 64-bit integer. */
export const lengthBytes = 8;

/** The reference implementation's own limit. */
const maximumHeaderBytes = 100_000_000;
const metadataName = '__metadata__';

/**
 * Length of the header of a file of `fileBytes` bytes, from its first 8.
 * @throws {DataError}
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
 * Reads and validates a header: every byte of the data section belongs to exactly one tensor.
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
    const { repeated, tooDeep } = scanJson(text);
    if (tooDeep) return refuse(`a header nested ${maximumDepth} deep`, 'a deeper one');
    if (repeated !== undefined) return refuse('names that differ', `${quote(repeated)} twice in the header`);
    parsed = JSON.parse(text) as Record<string, unknown>; // starts with "{", so it is an object
  } catch (error) {
    if (error instanceof DataError) throw error;
    return refuse('a header in JSON', quote((error as Error).message));
  }

  const metadata: Record<string, string> = {};
  const entries: SafetensorsEntry[] = [];
  for (const [name, value] of Object.entries(parsed)) {
    if (name === '__proto__') return refuse('tensor names other than __proto__', 'that name');
    const label = name === metadataName ? name : `tensor ${quote(name)}`;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return refuse(`${label} to be described by an object`, quote(value));
    }
    if (name === metadataName) {
      for (const [key, item] of Object.entries(value as Record<string, unknown>)) {
        if (key === '__proto__') return refuse('metadata names other than __proto__', 'that name');
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
    return refuse(`dtype of ${label} to be one of ${Object.keys(elementBytes).join(', ')}`, quote(dtype));
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
  const bytes = shape.reduce((product, size) => product * size, elementBytes[dtype]);
  // Beyond 2^53 a product is no longer exact; it can then be neither trusted nor allocated.
  if (!Number.isSafeInteger(bytes) || bytes !== end - begin) {
    return refuse(`${label} ${dtype} ${quote(shape)} to take ${bytes} bytes`, `${end - begin} bytes`);
  }
  return { name, dtype, shape, begin, end };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0 && !Object.is(item, -0));
}

/** A value as it may appear in a message, shortened: files come from anywhere. */
function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

/** Header, entry, list: what a header is made of. */
const maximumDepth = 3;

/**
 * Looks over a text, JSON or not, for what `JSON.parse` would let pass: two equal keys in an object (it keeps the last) and
 * nesting as deep as memory allows.
 */
function scanJson(text: string): { readonly repeated?: string; readonly tooDeep?: boolean } {
  const open: (Set<string> | undefined)[] = [];
  for (let position = 0; position < text.length; position++) {
    const character = text[position]!;
    if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined);
      if (open.length > maximumDepth) return { tooDeep: true };
    } else if (character === '}' || character === ']') {
      open.pop();
    } else if (character === '"') {
      const start = position++;
      while (position < text.length && text[position] !== '"') position += text[position] === '\\' ? 2 : 1;
      let next = position + 1;
      while (/\s/.test(text[next] ?? '')) next++;
      const keys = open.at(-1);
      if (text[next] !== ':' || !keys) continue;
      const key = JSON.parse(text.slice(start, position + 1)) as string;
      if (keys.has(key)) return { repeated: key };
      keys.add(key);
    }
  }
  return {};
}

/** What a file starts with, and the tensors in the order of their bytes. */
export interface EncodedHeader {
  /** Length field and header, padded so that the data section starts at a multiple of 8 bytes. */
  readonly bytes: Uint8Array;
  readonly entries: readonly SafetensorsEntry[];
  readonly dataBytes: number;
}

/**
 * Header of a file of these tensors.
 * @throws {ConfigError} for a name or metadata that the format cannot hold
 * @throws {ShapeError} when a tensor's values do not fill its shape
 */
export function encodeHeader(
  tensors: ReadonlyMap<string, HostTensor>,
  metadata: Readonly<Record<string, string>>,
  where: string,
): EncodedHeader {
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string' || key === '__proto__') {
      throw new ConfigError({ where, expected: 'metadata of strings by name', got: `${quote(key)}: ${quote(value)}` });
    }
  }
  const entries = describeTensors(tensors, where);
  const fields: [string, unknown][] = entries.map(({ name, dtype, shape, begin, end }) => [
    name,
    { dtype, shape, data_offsets: [begin, end] },
  ]);
  if (Object.keys(metadata).length > 0) fields.unshift([metadataName, metadata]);
  // Joined by hand: an object would move names that look like integers to the front.
  const text = `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
  const unpadded = new TextEncoder().encode(text);
  const padded = Math.ceil(unpadded.length / 8) * 8;
  if (padded > maximumHeaderBytes) {
    throw new ConfigError({ where, expected: `a header of at most ${maximumHeaderBytes} bytes`, got: `${padded}` });
  }
  const bytes = new Uint8Array(lengthBytes + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(unpadded, lengthBytes);
  return { bytes, entries, dataBytes: entries.at(-1)?.end ?? 0 };
}

/** Types and places of tensors, one after the other. */
export function describeTensors(tensors: ReadonlyMap<string, HostTensor>, where: string): SafetensorsEntry[] {
  let position = 0;
  return [...tensors].map(([name, { shape, data }]) => {
    if (name === metadataName || name === '__proto__') {
      throw new ConfigError({ where, expected: `tensor names other than ${name}`, got: 'that name' });
    }
    if (!isSizes(shape) || shape.reduce((product, size) => product * size, 1) !== data.length) {
      throw new ShapeError({
        where,
        expected: `tensor ${quote(name)} ${formatShape(shape)} to have as many values as its shape says`,
        got: `${data.length}`,
      });
    }
    const begin = position;
    position += data.byteLength;
    return { name, dtype: data instanceof Int32Array ? 'I32' : 'F32', shape, begin, end: position };
  });
}

/** The bytes of a tensor's values, without a copy. */
export function bytesOf({ data }: HostTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
