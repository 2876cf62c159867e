import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import {
  assertInteger,
  checkOptions,
  DataError,
  elementCount,
  formatShape,
  ShapeError,
  type HostTensor,
  type OptionTable,
} from '@vitvq/core';
import { createFolder, sha256OfFile, syncDirectory, writeWhole } from '@vitvq/files';
import { assertJson } from './internal/assert-json.js';
import { parseJsonObject } from './internal/json-object.js';
import { describeTensor, place } from './internal/layout.js';
import { openPart, partMetadata } from './internal/part-file.js';
import {
  indexedFolders,
  partName,
  partsFolder,
  partsFolders,
  partsIndexName,
  removeOtherParts,
  removeParts,
} from './internal/parts-folder.js';
import {
  encodePartsIndex,
  parsePartsIndex,
  readPartsIndex,
  type CutTensor,
  type ParsedPartsIndex,
  type PartFile,
  type PartsIndex,
  type PlacedRows,
} from './internal/parts-index.js';
import { quote } from './internal/scan-json.js';
import { indexLimits } from './internal/shard-index.js';
import { encodeState } from './internal/state-json.js';
import { workTogether } from './internal/work-together.js';
import { writeShard } from './internal/write-shards.js';
import type { ProcessGroup } from './process-group.js';
import { divideTensors, pieceShape, type TensorPiece } from './tensor-pieces.js';
import type { TensorDescription, WritableTensors } from './tensor-source.js';

/** Pieces of tensors that one process has, where no process has all of them. */
export interface PieceSource {
  /** At most one piece of a tensor; those of all processes make up all rows of all tensors. */
  readonly pieces: readonly TensorPiece[];
  /** Reads the rows of a piece. */
  read(piece: TensorPiece): Promise<HostTensor>;
}

/** What the processes of a run save together. */
export interface CheckpointInParts {
  /** Number of optimizer steps that are done; the same in all processes. */
  readonly step: number;
  /**
   * All tensors, where every process has all of them: each writes its share (`divideTensors`). Or
   * the pieces that this process has.
   */
  readonly tensors: WritableTensors | PieceSource;
  /** Whatever else a run needs to resume, as in `writeCheckpoint`; that of process 0 is kept. */
  readonly state: unknown;
}

/** Options of {@link writeCheckpointInParts}. */
export interface WriteCheckpointInPartsOptions {
  /** Number of checkpoints to keep, the newest by step. @default 3 */
  readonly keep?: number;
}

const checkpointNames: OptionTable<CheckpointInParts> = { step: 'required', tensors: 'required', state: 'required' };
const optionNames: OptionTable<WriteCheckpointInPartsOptions> = { keep: 'optional' };
const where = 'writeCheckpointInParts';

/**
 * Writes `checkpoint-<step>.parts` into a folder that all processes share: each process writes one
 * file, and once all of them are safe on the disk, process 0 writes the index that makes them a
 * checkpoint. All processes call this with the same step.
 *
 * A kill at any moment leaves the earlier checkpoints, and that of the same step, as they were.
 * Each process reads its file back before the index is written. Where one fails, all of them do.
 * @returns the folder of the checkpoint, once it is whole
 * @throws {ConfigError} for a step, a state or an option that cannot be
 * @throws {DataError} when a file cannot be written, or pieces are missing; what another process
 *   could not do
 */
export async function writeCheckpointInParts(
  directory: string,
  checkpoint: CheckpointInParts,
  group: ProcessGroup,
  options: WriteCheckpointInPartsOptions = {},
): Promise<string> {
  const { step, tensors, state } = checkOptions(checkpoint, checkpointNames, `${where}, checkpoint`);
  const { keep = 3 } = checkOptions(options, optionNames, where);
  assertInteger(step, 'step', where, 0, Number.MAX_SAFE_INTEGER);
  assertInteger(keep, 'keep', where);
  const { rank, processes } = group;
  const folder = partsFolder(directory, step);
  const name = `checkpoint ${step}`;
  let stateText = '';
  const [begun] = await workTogether(group, `${name}, beginning`, directory, async () => {
    if (rank > 0) return new Uint8Array(0);
    assertJson(state, 'state', where);
    stateText = encodeState(state, where);
    // This comes before writing, because the files of a killed run may be what fills the disk.
    await removeLeftovers(directory);
    return new TextEncoder().encode(randomBytes(8).toString('hex'));
  });
  const id = new TextDecoder().decode(begun);
  const part = { step, save: id, rank, processes };
  const receipts = await workTogether(group, `${name}, part`, directory, () => writePart(folder, part, tensors)).catch(
    async (error: unknown) => {
      // What cannot be removed now is removed before the next save.
      await fs.rm(join(folder, partName(rank, processes, id)), { force: true }).catch(() => undefined);
      throw error;
    },
  );
  await workTogether(group, `${name}, index`, directory, async () => {
    if (rank === 0) {
      const save = { step, state: stateText, save: id };
      await writeIndex(folder, indexText(receipts, save, join(folder, partsIndexName)));
      // The folder itself must be on the disk before an older one goes.
      await syncDirectory(directory);
      await prune(directory, folder, id, keep);
    }
    return new Uint8Array(0);
  });
  return folder;
}

/** What a process says of its part: the pieces as name, type and shape of the whole, and rows. */
interface Receipt {
  readonly part: PartFile;
  readonly pieces: readonly (readonly [string, TensorDescription['dtype'], readonly number[], number, number])[];
}

/** A save and the process that takes part in it. */
interface PartOfSave {
  readonly step: number;
  readonly save: string;
  readonly rank: number;
  readonly processes: number;
}

/** Writes the part of this process and returns what process 0 has to know of it. */
async function writePart(
  folder: string,
  { step, save, rank, processes }: PartOfSave,
  tensors: WritableTensors | PieceSource,
): Promise<Uint8Array> {
  const own = 'pieces' in tensors ? tensors : shareOf(tensors, rank, processes);
  const { pieces } = own;
  const byName = new Map(pieces.map((piece) => [piece.tensor.name, piece]));
  const described = pieces.map((piece) => ({ ...piece.tensor, shape: pieceShape(piece) }));
  const name = partName(rank, processes, save);
  const file = join(folder, name);
  const source = { tensors: described, read: (tensor: string) => own.read(byName.get(tensor)!) };
  const entries = place(described, file);
  await createFolder(folder);
  const sha256 = await writeShard(file, source, entries, partMetadata(step, save, rank, processes));
  const found = await sha256OfFile(file);
  if (found !== sha256) {
    const got = found === undefined ? 'a file that cannot be read' : 'other bytes';
    throw new DataError({ where: file, expected: 'to read back what was written', got });
  }
  const { size } = await fs.stat(file);
  const part: PartFile = { file: name, bytes: size, sha256 };
  const cut = pieces.map(({ tensor, begin, end }) => [tensor.name, tensor.dtype, tensor.shape, begin, end]);
  return new TextEncoder().encode(JSON.stringify({ part, pieces: cut }));
}

/** Returns the share of a process in tensors that every process has. */
function shareOf(tensors: WritableTensors, rank: number, processes: number): PieceSource {
  const isSource = 'read' in tensors;
  const described: readonly TensorDescription[] = isSource
    ? tensors.tensors
    : [...tensors].map(([name, tensor]) => describeTensor(name, tensor, where));
  const readWhole = async (name: string): Promise<HostTensor> => (isSource ? tensors.read(name) : tensors.get(name)!);
  return {
    pieces: divideTensors(described, processes)[rank]!,
    read: async (piece) => rowsOfTensor(await readWhole(piece.tensor.name), piece),
  };
}

/** Returns some rows of a tensor, which share its values. */
function rowsOfTensor(whole: HostTensor, piece: TensorPiece): HostTensor {
  const { tensor, begin, end } = piece;
  const got = formatShape(describeTensor(tensor.name, whole, where).shape);
  const expected = formatShape(tensor.shape);
  if (got !== expected) {
    throw new ShapeError({ where, expected: `tensor ${quote(tensor.name)} to be ${expected}, as described`, got });
  }
  const rowSize = elementCount(tensor.shape.slice(1));
  return { shape: pieceShape(piece), data: whole.data.subarray(begin * rowSize, end * rowSize) };
}

/**
 * Returns the text of the index of what the processes say of their parts, which is validated as
 * what is read from a file.
 * @throws {DataError} naming a tensor of which rows are missing or in two parts
 */
function indexText(receipts: readonly Uint8Array[], save: Omit<PartsIndex, 'parts' | 'tensors'>, file: string): string {
  const parts: PartFile[] = [];
  const tensors = new Map<string, CutTensor & { readonly pieces: PlacedRows[] }>();
  for (const [part, receipt] of receipts.entries()) {
    const { value } = parseJsonObject(receipt, `what process ${part} wrote`, indexLimits, file);
    const wrote = value as unknown as Receipt;
    parts.push(wrote.part);
    for (const [name, dtype, shape, begin, end] of wrote.pieces) {
      const tensor = { name, dtype: dtype === 'int32' ? ('I32' as const) : ('F32' as const), shape };
      const { pieces, ...known } = tensors.get(name) ?? { ...tensor, pieces: [] };
      if (JSON.stringify(known) !== JSON.stringify(tensor)) {
        const expected = `all processes to have the same tensor ${quote(name)}`;
        const got = `${dtype} ${formatShape(shape)} in process ${part}, and another shape or type before`;
        throw new DataError({ where: file, expected, got });
      }
      pieces.push({ part, begin, end });
      tensors.set(name, { ...tensor, pieces });
    }
  }
  for (const { pieces } of tensors.values()) pieces.sort((a, b) => a.begin - b.begin || a.end - b.end);
  return encodePartsIndex({ ...save, parts, tensors: [...tensors.values()] }, file);
}

/** Writes the index once process 0 has seen every part as its process says. */
async function writeIndex(folder: string, text: string): Promise<void> {
  const file = join(folder, partsIndexName);
  const bytes = new TextEncoder().encode(text);
  const index = parsePartsIndex(parseJsonObject(bytes, 'the index of a checkpoint in parts', indexLimits, file), file);
  for (const part of index.parts.keys()) await (await openVisible(folder, index, part)).close();
  await writeWhole(file, bytes);
}

async function openVisible(folder: string, index: ParsedPartsIndex, part: number): ReturnType<typeof openPart> {
  try {
    // Its process has just read its bytes back; here counts that process 0 sees the same file.
    return await openPart(folder, index, part, false);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const { where: file, expected, got } = error;
    const fix = 'All processes have to write to one folder that they share, such as one of a network file system.';
    throw new DataError({ where: file, expected, got, fix }, { cause: error });
  }
}

/** Removes the files that killed or failed saves left, whatever their step. */
async function removeLeftovers(directory: string): Promise<void> {
  const whole = new Set((await indexedFolders(directory)).map(({ folder }) => folder));
  for (const { folder } of await partsFolders(directory)) {
    if (!whole.has(folder)) await removeParts(folder);
    else {
      // While an index cannot be read, its parts stay, because somebody may want to rescue them.
      const save = await readPartsIndex(folder).catch(() => undefined);
      if (save) await removeOtherParts(folder, save.save);
    }
  }
}

/** Removes checkpoints beyond those to keep, and what the one just written replaces. */
async function prune(directory: string, written: string, save: string, keep: number): Promise<void> {
  await removeOtherParts(written, save);
  const whole = (await indexedFolders(directory)).map(({ folder }) => folder);
  const kept = new Set([...whole.slice(-keep), written]);
  for (const folder of whole) if (!kept.has(folder)) await removeParts(folder);
}
