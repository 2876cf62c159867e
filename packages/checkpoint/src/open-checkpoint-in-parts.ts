import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { checkOptions, ConfigError, DataError, type HostTensor, type OptionTable } from '@vitvq/core';
import { openPart } from './internal/part-file.js';
import { indexedFolders, partsIndexName, type PartsFolder } from './internal/parts-folder.js';
import { readPartsIndex, type CutTensor, type ParsedPartsIndex } from './internal/parts-index.js';
import { quote } from './internal/scan-json.js';
import { parseState } from './internal/state-json.js';
import type { SafetensorsFile } from './safetensors-file.js';
import type { SafetensorsEntry } from './safetensors-header.js';
import { pieceShape, rowsOf, type TensorPiece } from './tensor-pieces.js';
import type { TensorDescription, TensorEntry, TensorFile } from './tensor-source.js';

/** Options of {@link openCheckpointInParts}. */
export interface OpenCheckpointInPartsOptions {
  /**
   * Whether all parts are read and compared with their checksums first. Otherwise each part is,
   * when something of it is read for the first time: for a process that reads only some rows.
   * @default true
   */
  readonly verifyAll?: boolean;
}

/** A checkpoint in parts. Its tensors are read when they are asked for. The caller closes it. */
export interface OpenedCheckpointInParts extends TensorFile {
  readonly step: number;
  readonly state: unknown;
  /** Number of processes that wrote it. */
  readonly parts: number;
  /** The tensors as a whole, which `divideTensors` divides among any number of processes. */
  readonly tensors: readonly TensorDescription[];
  /** Reads a whole tensor. @throws {DataError} */
  read(entry: TensorEntry): Promise<HostTensor>;
  /** Reads some rows of a tensor. @throws {DataError} */
  readPiece(piece: TensorPiece): Promise<HostTensor>;
}

const optionNames: OptionTable<OpenCheckpointInPartsOptions> = { verifyAll: 'optional' };
const where = 'openCheckpointInParts';

/**
 * Returns the checkpoints in parts of a folder, by ascending step, without reading them; those that
 * a killed process left without an index are none.
 */
export async function listCheckpointsInParts(directory: string): Promise<PartsFolder[]> {
  return indexedFolders(directory);
}

/**
 * Opens a checkpoint that `writeCheckpointInParts` wrote, with however many processes, to read
 * whole tensors or rows of them.
 * @param folder  the folder of a checkpoint, or one that holds several, of which the newest is
 *   opened
 * @throws {DataError} naming the file that is missing, damaged or of another save
 */
export async function openCheckpointInParts(
  folder: string,
  options: OpenCheckpointInPartsOptions = {},
): Promise<OpenedCheckpointInParts> {
  const { verifyAll = true } = checkOptions(options, optionNames, where);
  const chosen = await newestOf(folder);
  const index = await readPartsIndex(chosen);
  const opened = new PartFiles(chosen, index);
  try {
    for (const part of index.parts.keys()) {
      // Without its contents, a part is opened to see that it is there, and of this save.
      if (verifyAll) await opened.verified(part);
      else await (await openPart(chosen, index, part, false)).close();
    }
  } catch (error) {
    await opened.close();
    throw error;
  }
  return describeOpened(join(chosen, partsIndexName), index, opened);
}

async function newestOf(folder: string): Promise<string> {
  const hasIndex = await fs.stat(join(folder, partsIndexName)).catch(() => undefined);
  if (hasIndex) return folder;
  const newest = (await indexedFolders(folder)).at(-1);
  if (newest) return newest.folder;
  throw new DataError({
    where: folder,
    expected: 'a checkpoint in parts',
    got: 'none',
    fix: `Such checkpoints are folders named checkpoint-<step>.parts with an ${partsIndexName}.`,
  });
}

function describeOpened(file: string, index: ParsedPartsIndex, files: PartFiles): OpenedCheckpointInParts {
  const byName = new Map(index.tensors.map((tensor) => [tensor.name, tensor]));
  const find = (name: string): CutTensor => {
    const found = byName.get(name);
    if (found) return found;
    throw new ConfigError({ where, expected: `a tensor of ${file}`, got: quote(name) });
  };
  const tensors = index.tensors.map(({ name, shape, dtype }) => ({
    name,
    shape,
    dtype: dtype === 'I32' ? ('int32' as const) : ('float32' as const),
  }));
  return {
    file,
    step: index.step,
    state: parseState(index.state, file),
    parts: index.parts.length,
    tensors,
    entries: index.tensors.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
    read: async ({ name }) => {
      const tensor = find(name);
      return files.rows(tensor, 0, rowsOf(tensor.shape));
    },
    readPiece: async ({ tensor: { name }, begin, end }) => {
      const tensor = find(name);
      const rows = rowsOf(tensor.shape);
      if (Number.isInteger(begin) && Number.isInteger(end) && begin >= 0 && begin <= end && end <= rows) {
        return files.rows(tensor, begin, end);
      }
      const expected = `rows within the ${rows} of tensor ${quote(name)}`;
      throw new ConfigError({ where, expected, got: `${begin} to ${end}` });
    },
    close: () => files.close(),
  };
}

/** An open part and its tensors by name. */
interface PartFile {
  readonly file: SafetensorsFile;
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
}

/** The files of the parts, each of which is opened and verified once. */
class PartFiles {
  readonly #folder: string;
  readonly #index: ParsedPartsIndex;
  readonly #opened = new Map<number, Promise<PartFile>>();

  constructor(folder: string, index: ParsedPartsIndex) {
    this.#folder = folder;
    this.#index = index;
  }

  verified(part: number): Promise<PartFile> {
    const opened =
      this.#opened.get(part) ??
      openPart(this.#folder, this.#index, part, true).then((file) => ({
        file,
        entries: new Map(file.entries.map((entry) => [entry.name, entry])),
      }));
    this.#opened.set(part, opened);
    return opened;
  }

  async rows({ name, dtype, shape, pieces }: CutTensor, begin: number, end: number): Promise<HostTensor> {
    const described = { name, shape, dtype: dtype === 'I32' ? ('int32' as const) : ('float32' as const) };
    const wanted = { tensor: described, begin, end };
    const size = pieceShape(wanted).reduce((product, length) => product * length, 1);
    const rowSize = end > begin ? size / (end - begin) : 0;
    let data: HostTensor['data'] | undefined;
    for (const piece of pieces) {
      const [first, last] = [Math.max(begin, piece.begin), Math.min(end, piece.end)];
      if (first >= last) continue;
      const { file, entries } = await this.verified(piece.part);
      const { data: values } = await file.read(entries.get(name)!);
      const isAll = first === begin && last === end && piece.begin === first && piece.end === last;
      if (isAll) return { shape: pieceShape(wanted), data: values };
      data ??= dtype === 'I32' ? new Int32Array(size) : new Float32Array(size);
      const rows = values.subarray((first - piece.begin) * rowSize, (last - piece.begin) * rowSize);
      data.set(rows, (first - begin) * rowSize);
    }
    data ??= dtype === 'I32' ? new Int32Array(0) : new Float32Array(0);
    return { shape: pieceShape(wanted), data };
  }

  async close(): Promise<void> {
    for (const opened of this.#opened.values()) {
      const part = await opened.catch(() => undefined);
      await part?.file.close();
    }
    this.#opened.clear();
  }
}
