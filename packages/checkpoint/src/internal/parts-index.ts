import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { maximumHeaderBytes, isSizes } from '../safetensors-header.js';
import { rowsOf, rowsShape } from '../tensor-pieces.js';
import { assertChecksum, checksumPlace } from './checksum.js';
import { readJsonObject } from './json-file.js';
import { isObject, type JsonObject } from './json-object.js';
import { checksumName, formatName, stateName, stepName } from './metadata-names.js';
import { isPartName, partsIndexName } from './parts-folder.js';
import { quote } from './scan-json.js';
import { indexLimits } from './shard-index.js';

const format = 'training-checkpoint-parts/1';
/** Key of the number that all parts of one save have in common. */
export const saveName = 'vitvq.save';

/** Most parts of a checkpoint, as of files that any other index names. */
const maximumParts = 10_000;
/** Longest name of a tensor, as in a header. */
const maximumNameLength = 4_096;
const savePattern = /^[0-9a-f]{16}$/;
const hashPattern = /^[0-9a-f]{64}$/;

/** File of a part. */
export interface PartFile {
  /** Name within the folder. */
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

/** Rows `[begin, end)` of a tensor, and the part that holds them. */
export interface PlacedRows {
  readonly part: number;
  readonly begin: number;
  readonly end: number;
}

/** A tensor that is cut into pieces. */
export interface CutTensor {
  readonly name: string;
  readonly dtype: 'F32' | 'I32';
  readonly shape: readonly number[];
  /** All rows, in order. */
  readonly pieces: readonly PlacedRows[];
}

/** What makes the files of parts a checkpoint. */
export interface PartsIndex {
  readonly step: number;
  /** State as JSON. */
  readonly state: string;
  readonly save: string;
  readonly parts: readonly PartFile[];
  readonly tensors: readonly CutTensor[];
}

/** A tensor as one part holds it: some of its rows. */
export type HeldTensor = Pick<CutTensor, 'name' | 'dtype' | 'shape'>;

/** An index that was validated. */
export interface ParsedPartsIndex extends PartsIndex {
  /** What each part holds. */
  readonly heldBy: readonly (readonly HeldTensor[])[];
}

/** Returns the text of an index. @throws {ConfigError} for one beyond the limits */
export function encodePartsIndex({ step, state, save, parts, tensors }: PartsIndex, where: string): string {
  const metadata = {
    // The first entry, so that no state before it can hold a copy of the placeholder.
    [checksumName]: checksumPlace,
    [formatName]: format,
    [stepName]: String(step),
    [saveName]: save,
    [stateName]: state,
  };
  const cut = tensors.map(({ pieces, ...tensor }) => ({
    ...tensor,
    pieces: pieces.map(({ part, begin, end }) => [part, begin, end]),
  }));
  const blank = `${JSON.stringify({ metadata, parts, tensors: cut })}\n`;
  const bytes = Buffer.byteLength(blank);
  if (bytes > maximumHeaderBytes) {
    const expected = `an index of at most ${maximumHeaderBytes} bytes`;
    throw new ConfigError({ where, expected, got: `${bytes}`, fix: 'Large state belongs into tensors.' });
  }
  return blank.replace(checksumPlace, createHash('sha256').update(blank).digest('hex'));
}

/** Reads the index of a folder, which may come from anywhere. @throws {DataError} naming it */
export async function readPartsIndex(folder: string): Promise<ParsedPartsIndex> {
  const where = join(folder, partsIndexName);
  return parsePartsIndex(await readJsonObject(where, 'the index of a checkpoint in parts', indexLimits), where);
}

/** Validates an index. @throws {DataError} naming `where` and the problem */
export function parsePartsIndex({ text, value }: JsonObject, where: string): ParsedPartsIndex {
  const refuse = (expected: string, got: string): never => {
    throw new DataError({ where, expected, got });
  };
  const { metadata, parts, tensors } = value;
  if (!isObject(metadata) || metadata[formatName] !== format) {
    const got = isObject(metadata) ? quote(metadata[formatName]) : 'none';
    return refuse(`the index of a checkpoint in parts ("${format}")`, got);
  }
  const { [checksumName]: checksum, [stateName]: state, [saveName]: save } = metadata;
  if (typeof checksum !== 'string' || !hashPattern.test(checksum)) {
    return refuse(`${checksumName} to be a SHA-256`, quote(checksum));
  }
  assertChecksum(createHash('sha256').update(text.replace(checksum, checksumPlace)).digest('hex'), checksum, where);
  const step = Number(metadata[stepName]);
  if (typeof state !== 'string' || typeof save !== 'string' || !savePattern.test(save) || !isCount(step)) {
    return refuse(`${stepName}, ${saveName} and ${stateName}`, 'others');
  }
  if (!Array.isArray(parts) || parts.length === 0 || parts.length > maximumParts) {
    return refuse(`1 to ${maximumParts} parts`, Array.isArray(parts) ? String(parts.length) : quote(parts));
  }
  const files = parts.map(
    (part: unknown): PartFile => parsePart(part, save) ?? refuse('the file of a part', quote(part)),
  );
  if (!Array.isArray(tensors)) return refuse('a list of tensors', quote(tensors));
  const cut = tensors.map((tensor: unknown) => parseTensor(tensor) ?? refuse('a tensor', quote(tensor)));
  assertCutWhole(cut, files.length, refuse);
  return { step, state, save, parts: files, tensors: cut, heldBy: heldByParts(cut, files.length) };
}

function heldByParts(tensors: readonly CutTensor[], parts: number): HeldTensor[][] {
  const held: HeldTensor[][] = Array.from({ length: parts }, () => []);
  for (const { name, dtype, shape, pieces } of tensors) {
    for (const { part, begin, end } of pieces) {
      held[part]!.push({ name, dtype, shape: rowsShape(shape, begin, end) });
    }
  }
  return held;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parsePart(part: unknown, save: string): PartFile | undefined {
  if (!isObject(part)) return undefined;
  const { file, bytes, sha256 } = part;
  if (typeof file !== 'string' || !isPartName(file, save) || !isCount(bytes)) return undefined;
  return typeof sha256 === 'string' && hashPattern.test(sha256) ? { file, bytes, sha256 } : undefined;
}

function parseTensor(tensor: unknown): CutTensor | undefined {
  if (!isObject(tensor)) return undefined;
  const { name, dtype, shape, pieces } = tensor;
  if (typeof name !== 'string' || name.length > maximumNameLength || (dtype !== 'F32' && dtype !== 'I32')) {
    return undefined;
  }
  const bytes = isSizes(shape) ? shape.reduce((product, size) => product * size, 4) : NaN;
  if (!Number.isSafeInteger(bytes) || !Array.isArray(pieces)) return undefined;
  const placed: PlacedRows[] = [];
  for (const piece of pieces as readonly unknown[]) {
    if (!isSizes(piece) || piece.length !== 3) return undefined;
    const [part, begin, end] = piece as [number, number, number];
    placed.push({ part, begin, end });
  }
  return { name, dtype, shape: shape as number[], pieces: placed };
}

/**
 * Checks that each row of each tensor is in one part.
 * @throws what `refuse` throws, naming the tensor
 */
function assertCutWhole(
  tensors: readonly CutTensor[],
  parts: number,
  refuse: (expected: string, got: string) => never,
): void {
  const names = new Set<string>();
  for (const { name, shape, pieces } of tensors) {
    if (names.has(name)) refuse('names of tensors that differ', `${quote(name)} twice`);
    names.add(name);
    let row = 0;
    for (const { part, begin, end } of pieces) {
      if (part >= parts) refuse(`parts below ${parts} for tensor ${quote(name)}`, String(part));
      if (begin !== row || end < begin) {
        refuse(`a piece of tensor ${quote(name)} from row ${row} on`, `rows ${begin} to ${end} of part ${part + 1}`);
      }
      row = end;
    }
    if (pieces.length === 0 || row !== rowsOf(shape)) {
      refuse(`all ${rowsOf(shape)} rows of tensor ${quote(name)} in the parts`, `rows up to ${row}`);
    }
    if (new Set(pieces.map(({ part }) => part)).size < pieces.length) {
      refuse(`one piece of tensor ${quote(name)} in a part`, 'several');
    }
  }
}
