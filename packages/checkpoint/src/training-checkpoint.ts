import { promises as fs } from 'node:fs';
import { basename } from 'node:path';
import type { Variable } from '@tensorflow/tfjs-core';
import { assertInteger, checkOptions, DataError, type HostTensor, type OptionTable } from '@vitvq/core';
import { createFolder, removeFile, removeTemporaryFiles } from '@vitvq/files';
import {
  filePrefix,
  isIndex,
  listCheckpoints,
  removeStaleShards,
  singlePath,
  type CheckpointFile,
} from './checkpoint-folder.js';
import { assertJson } from './internal/assert-json.js';
import type { Verification, VerifiedFile } from './internal/checkpoint-contents.js';
import { layOut } from './internal/layout.js';
import { openSharded, readShardedState, writeSharded } from './internal/sharded-checkpoint.js';
import { openSingle, writeSingle } from './internal/single-checkpoint.js';
import { encodeState, parseState } from './internal/state-json.js';
import { splitIntoShards } from './internal/write-shards.js';
import { restoreVariables, restoreVariablesOptionNames, type RestoreVariablesOptions } from './restore-variables.js';
import { readAll } from './safetensors.js';
import type { SafetensorsFile } from './safetensors-file.js';
import type { WritableTensors } from './tensor-source.js';

/** Everything that a run needs to resume as if it had never stopped. */
export interface Checkpoint {
  /** Number of optimizer steps that are done. */
  readonly step: number;
  /**
   * Variables of the model and of the optimizer, by name, in memory or read one at a time
   * (`variableTensors`).
   */
  readonly tensors: WritableTensors;
  /**
   * Config, random key, position in the data, metrics: anything that JSON can hold. Properties that
   * are undefined are left out.
   */
  readonly state: unknown;
}

/** Content of a checkpoint besides its tensors. */
export interface CheckpointState {
  /** Path of the safetensors file, or of the index of several. */
  readonly file: string;
  readonly step: number;
  readonly state: unknown;
}

/** A checkpoint in memory. */
export interface LoadedCheckpoint extends CheckpointState {
  readonly tensors: Map<string, HostTensor>;
}

/** An intact checkpoint. Each tensor is read when it is asked for. The caller closes it. */
export interface OpenedCheckpoint extends SafetensorsFile, CheckpointState {}

/** Options of {@link writeCheckpoint}. */
export interface WriteCheckpointOptions {
  /**
   * Number of checkpoints to keep, the newest by step. The one just written and the last intact one
   * always stay.
   * @default 3
   */
  readonly keep?: number;
  /**
   * Bytes of tensors beyond which a checkpoint is written as several files and an index. A tensor
   * is never split, so a tensor that is larger makes a larger file. @default 2 GiB
   */
  readonly maximumShardBytes?: number;
}

const checkpointNames: OptionTable<Checkpoint> = {
  step: 'required',
  tensors: 'required',
  state: 'required',
};

const writeCheckpointOptionNames: OptionTable<WriteCheckpointOptions> = {
  keep: 'optional',
  maximumShardBytes: 'optional',
};

/**
 * Writes `checkpoint-<step>.safetensors` into `directory`, which is created when it is missing, and
 * removes older checkpoints. Beyond `maximumShardBytes`, a checkpoint is
 * `checkpoint-<step>-00001-of-0000N.safetensors` and so on, and last of all the index
 * `checkpoint-<step>.safetensors.index.json`, which makes the files a checkpoint. Either form is
 * atomic and carries SHA-256 sums of everything that it holds. Tensors of a source are held one at
 * a time.
 *
 * Before anything is removed, a kept checkpoint has been synced, read back and found intact; if
 * none is intact, the newest intact one of the others stays too. One process at a time writes to a
 * directory.
 * @returns the path of the file, or of the index
 * @throws {ConfigError} when `state` holds what JSON cannot (naming its path), or an option or
 *   `step` is out of range
 * @throws {ShapeError} when the values of a tensor do not fill its shape
 * @throws {DataError} when a file cannot be written or an old one cannot be removed; older
 *   checkpoints survive
 */
export async function writeCheckpoint(
  directory: string,
  checkpoint: Checkpoint,
  options: WriteCheckpointOptions = {},
): Promise<string> {
  const where = 'writeCheckpoint';
  const { step, tensors, state: value } = checkOptions(checkpoint, checkpointNames, `${where}, checkpoint`);
  const { keep = 3, maximumShardBytes = 2 * 2 ** 30 } = checkOptions(options, writeCheckpointOptionNames, where);
  assertInteger(step, 'step', where, 0, Number.MAX_SAFE_INTEGER);
  assertInteger(keep, 'keep', where);
  assertInteger(maximumShardBytes, 'maximumShardBytes', where, 1, Number.MAX_SAFE_INTEGER);
  const file = singlePath(directory, step);
  const entries = layOut(tensors, file);
  assertJson(value, 'state', where);
  const contents = { step, state: encodeState(value, where), tensors, entries };
  await createFolder(directory);
  // This comes before writing, because the files of a killed process may be what fills the disk.
  await removeTemporaryFiles(directory, filePrefix);
  await removeStaleShards(directory);
  const shards = splitIntoShards(entries, maximumShardBytes);
  let written = file;
  if (shards.length === 1) await writeSingle(file, contents);
  else written = await writeSharded(directory, contents, shards);
  await prune(directory, written, step, keep);
  return written;
}

/**
 * Reads a checkpoint into memory. Everything is checked before anything is returned.
 * `restoreCheckpoint` takes less memory.
 * @param directoryOrFile  the safetensors file, or the index of several, or a directory whose
 *   newest checkpoint is read
 * @throws {DataError} naming the damaged file; for a directory, the error also states which earlier
 *   checkpoint is intact
 */
export async function readCheckpoint(directoryOrFile: string): Promise<LoadedCheckpoint> {
  const opened = await openCheckpoint(directoryOrFile);
  try {
    const { file, step, state } = opened;
    return { file, step, state, tensors: await readAll(opened) };
  } finally {
    await opened.close();
  }
}

/**
 * Opens a checkpoint of a file, or the newest one of a directory, to read its tensors one at a
 * time. All of it is read and found intact first. The caller closes it.
 * @throws {DataError} as `readCheckpoint`
 */
export async function openCheckpoint(directoryOrFile: string): Promise<OpenedCheckpoint> {
  return newestOf(directoryOrFile, async (file) => {
    const { opened, step, state } = await openVerified(file, 'all');
    return { ...opened, step, state: parseState(state, file) };
  });
}

/**
 * Sets variables from a checkpoint of a file, or from the newest one of a directory, with
 * `openCheckpoint` and `restoreVariables`. No more memory is taken than the largest tensor needs,
 * and no variable changes unless the whole checkpoint is intact and fits.
 * @throws {DataError} as `readCheckpoint`
 * @throws {ShapeError} as `restoreVariables`
 */
export async function restoreCheckpoint(
  directoryOrFile: string,
  variables: ReadonlyMap<string, Variable>,
  options: RestoreVariablesOptions = {},
): Promise<CheckpointState> {
  checkOptions(options, restoreVariablesOptionNames, 'restoreCheckpoint');
  const opened = await openCheckpoint(directoryOrFile);
  try {
    await restoreVariables(opened, variables, options);
    const { file, step, state } = opened;
    return { file, step, state };
  } finally {
    await opened.close();
  }
}

/**
 * Reads the step and the state of a checkpoint of a file, or of the newest one of a directory,
 * without its tensors. Step and state are checked, the tensors are not.
 * @throws {DataError} as `readCheckpoint`
 */
export async function readCheckpointState(directoryOrFile: string): Promise<CheckpointState> {
  return newestOf(directoryOrFile, async (file) => {
    if (isIndex(file)) {
      const { step, state } = await readShardedState(file);
      return { file, step, state: parseState(state, file) };
    }
    const { opened, step, state } = await openVerified(file, 'state');
    await opened.close();
    return { file, step, state: parseState(state, file) };
  });
}

/**
 * Returns the path of the checkpoint with the highest step without reading it; undefined when there
 * is no checkpoint or no such directory.
 */
export async function latestCheckpoint(directory: string): Promise<string | undefined> {
  return (await listCheckpoints(directory)).at(-1)?.file;
}

/**
 * Reads a file, or the newest checkpoint of a directory. When that checkpoint is damaged, the error
 * names an earlier one.
 */
async function newestOf<T>(directoryOrFile: string, read: (file: string) => Promise<T>): Promise<T> {
  const isDirectory = (await fs.stat(directoryOrFile).catch(() => undefined))?.isDirectory() ?? false;
  if (!isDirectory) return read(directoryOrFile);
  const [newest, ...older] = (await listCheckpoints(directoryOrFile)).reverse();
  if (!newest) {
    throw new DataError({
      where: directoryOrFile,
      expected: 'a folder with a checkpoint',
      got: 'none',
      fix: `Checkpoints are files named ${filePrefix}<step>.safetensors, or .safetensors.index.json.`,
    });
  }
  try {
    return await read(newest.file);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    const good = await firstIntact(older);
    const offer = good
      ? `The newest intact checkpoint is ${good.file} (step ${good.step}): read that file to go on from there.`
      : 'No earlier checkpoint in that folder is intact.';
    throw new DataError(
      {
        where: error.where,
        expected: error.expected,
        got: error.got,
        fix: [error.fix, offer].filter(Boolean).join(' '),
      },
      { cause: error },
    );
  }
}

async function openVerified(file: string, verification: Verification): Promise<VerifiedFile> {
  return isIndex(file) ? openSharded(file) : openSingle(file, verification);
}

async function firstIntact(checkpoints: readonly CheckpointFile[]): Promise<CheckpointFile | undefined> {
  for (const candidate of checkpoints) {
    try {
      await (await openVerified(candidate.file, 'all')).opened.close();
      return candidate;
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
  return undefined;
}

/**
 * Removes checkpoints beyond those to keep, and a checkpoint of the same step in the other form,
 * which the new one replaces.
 */
async function prune(directory: string, written: string, step: number, keep: number): Promise<void> {
  const newestFirst = (await listCheckpoints(directory)).reverse();
  const isReplaced = (checkpoint: CheckpointFile): boolean => checkpoint.step === step && checkpoint.file !== written;
  const ranked = newestFirst.filter((checkpoint) => !isReplaced(checkpoint));
  const kept = ranked.filter(({ file }, rank) => rank < keep || file === written);
  const surplus = newestFirst.filter((checkpoint) => !kept.includes(checkpoint));
  if (surplus.length > 0) {
    const lastIntact = (await firstIntact(kept)) ?? (await firstIntact(surplus));
    for (const checkpoint of surplus) {
      if (checkpoint === lastIntact) continue;
      const purpose = `to remove a checkpoint beyond the ${keep} to keep`;
      await removeFile(checkpoint.file, purpose, `${basename(written)} has been written.`);
    }
  }
  // Shards are removed after their index, so that a kill in between leaves no index without shards.
  await removeStaleShards(directory);
}
