import { promises as fs } from 'node:fs';
import { basename } from 'node:path';
import type { Variable } from '@tensorflow/tfjs-core';
import { DataError, assertInteger, type HostTensor } from '@vitvq/core';
import { removeTemporaryFiles, systemReason } from '@vitvq/files';
import { assertJson } from './internal/assert-json.js';
import type { Verification, VerifiedFile } from './internal/checkpoint-contents.js';
import {
  filePrefix,
  isIndex,
  listCheckpoints,
  removeFile,
  removeStaleShards,
  singlePath,
  type CheckpointFile,
} from './checkpoint-folder.js';
import { layOut } from './internal/layout.js';
import { openSharded, readShardedState, writeSharded } from './internal/sharded-checkpoint.js';
import { openSingle, writeSingle } from './internal/single-checkpoint.js';
import { splitIntoShards } from './internal/write-shards.js';
import { restoreVariables, type RestoreVariablesOptions } from './restore-variables.js';
import { readAll } from './safetensors.js';
import type { SafetensorsFile } from './safetensors-file.js';
import type { WritableTensors } from './tensor-source.js';

/** Everything that a training run needs to continue exactly where it stopped. */
export interface Checkpoint {
  /** Number of completed optimizer steps. */
  readonly step: number;
  /**
   * Variables of the model and of the optimizer by name, either in memory or read one at a time
   * (`variableTensors`).
   */
  readonly tensors: WritableTensors;
  /**
   * Config, random key, data position and metrics: any value that JSON can hold. Undefined
   * properties are omitted.
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

/** A checkpoint with its tensors in memory. */
export interface LoadedCheckpoint extends CheckpointState {
  readonly tensors: Map<string, HostTensor>;
}

/**
 * An open checkpoint that was found intact, whose tensors are read on demand. The caller closes it.
 */
export interface OpenedCheckpoint extends SafetensorsFile, CheckpointState {}

/** Options of {@link writeCheckpoint}. */
export interface WriteCheckpointOptions {
  /**
   * Number of checkpoints to keep, the newest by step. The checkpoint just written and the newest
   * intact one always stay.
   * @default 3
   */
  readonly keep?: number;
  /**
   * Largest number of bytes of tensors in one file; more are written as several files and an index.
   * A tensor is never split, so a larger tensor makes a larger file. @default 2 GiB
   */
  readonly maximumShardBytes?: number;
}

/**
 * Writes `checkpoint-<step>.safetensors` into `directory`, which is created when it does not exist,
 * and removes older checkpoints. A checkpoint of more than `maximumShardBytes` is written as
 * `checkpoint-<step>-00001-of-0000N.safetensors` and so on, and then the index
 * `checkpoint-<step>.safetensors.index.json`; files without the index do not count as a checkpoint.
 * Both forms are atomic and hold SHA-256 sums of their whole content. Tensors of a source are held
 * in memory one at a time.
 *
 * Before a checkpoint is removed, one of those that stay has been synced, read back and found
 * intact. If none of them is intact, the newest intact one of the others stays too. Only one
 * process at a time may write to a directory.
 * @returns the path of the file, or of the index
 * @throws {ConfigError} when `state` holds a value that JSON cannot hold, naming its path, or when
 *   an option or `step` is out of range
 * @throws {ShapeError} when a tensor's values do not fill its shape
 * @throws {DataError} when a file cannot be written, or an old one cannot be removed; older
 *   checkpoints stay
 */
export async function writeCheckpoint(
  directory: string,
  { step, tensors, state: value }: Checkpoint,
  { keep = 3, maximumShardBytes = 2 * 2 ** 30 }: WriteCheckpointOptions = {},
): Promise<string> {
  assertInteger(step, 'step', 'writeCheckpoint', 0);
  assertInteger(keep, 'keep', 'writeCheckpoint');
  assertInteger(maximumShardBytes, 'maximumShardBytes', 'writeCheckpoint');
  const file = singlePath(directory, step);
  const entries = layOut(tensors, file);
  assertJson(value, 'state', 'writeCheckpoint');
  const contents = { step, state: JSON.stringify(value), tensors, entries };
  try {
    await fs.mkdir(directory, { recursive: true });
  } catch (error) {
    throw new DataError(
      { where: directory, expected: 'to create the folder', got: systemReason(error) },
      { cause: error },
    );
  }
  // This happens before writing, because files that a killed process left may fill the disk.
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
 * Reads a checkpoint into memory: that of a file (or of an index of several files), or the newest
 * one of a directory. All checksums are compared first. `restoreCheckpoint` needs less memory.
 * @throws {DataError} naming the damaged file and, for a directory, the newest intact checkpoint
 *   before it
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
 * Opens a checkpoint, that of a file or the newest one of a directory, to read its tensors one at a
 * time. The whole checkpoint has been read and found intact before it is returned. The caller
 * closes it.
 * @throws {DataError} as `readCheckpoint`
 */
export async function openCheckpoint(directoryOrFile: string): Promise<OpenedCheckpoint> {
  return newestOf(directoryOrFile, async (file) => {
    const { opened, step, state } = await openVerified(file, 'all');
    return { ...opened, step, state: JSON.parse(state) as unknown };
  });
}

/**
 * Sets variables from a checkpoint, that of a file or the newest one of a directory, as
 * `openCheckpoint` and `restoreVariables` do. The largest tensor bounds the memory. No variable
 * changes unless the whole checkpoint is intact and fits the variables.
 * @throws {DataError} as `readCheckpoint`
 * @throws {ShapeError} as `restoreVariables`
 */
export async function restoreCheckpoint(
  directoryOrFile: string,
  variables: ReadonlyMap<string, Variable>,
  options: RestoreVariablesOptions = {},
): Promise<CheckpointState> {
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
 * Reads the step and the state of a checkpoint, that of a file or the newest one of a directory,
 * without its tensors. Step and state are verified and the tensors are not, except in a file of
 * format 1, where one checksum covers all of them.
 * @throws {DataError} as `readCheckpoint`
 */
export async function readCheckpointState(directoryOrFile: string): Promise<CheckpointState> {
  return newestOf(directoryOrFile, async (file) => {
    if (isIndex(file)) {
      const { step, state } = await readShardedState(file);
      return { file, step, state: JSON.parse(state) as unknown };
    }
    const { opened, step, state } = await openVerified(file, 'state');
    await opened.close();
    return { file, step, state: JSON.parse(state) as unknown };
  });
}

/**
 * Returns the path of the checkpoint with the highest step without reading it, or undefined when
 * there is none or the directory does not exist.
 */
export async function latestCheckpoint(directory: string): Promise<string | undefined> {
  return (await listCheckpoints(directory)).at(-1)?.file;
}

/**
 * Reads a file, or the newest checkpoint of a directory. When that checkpoint is damaged, the error
 * names an earlier intact one.
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
 * Removes checkpoints beyond the number to keep, and a checkpoint of the same step in the other
 * form, which the new one replaces.
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
  // Shards are removed after their index, so a kill in between leaves no index without its shards.
  await removeStaleShards(directory);
}
