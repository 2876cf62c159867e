import { createHash, type Hash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { basename, join } from 'node:path';
import { ConfigError, DataError, assertInteger, type HostTensor } from '@vitvq/core';
import { removeStaleTemporaryFiles, systemReason } from './internal/atomic-write.js';
import { bytesOf, describeTensors, type SafetensorsEntry } from './internal/header.js';
import { openSafetensors, writeSafetensors, type SafetensorsFile } from './safetensors.js';

/** Everything that a run needs to go on as if it had never stopped. */
export interface Checkpoint {
  /** Optimizer steps done. */
  readonly step: number;
  /** Variables of the model and of the optimizer, by name. */
  readonly tensors: ReadonlyMap<string, HostTensor>;
  /** Config, random key, data position, metrics: anything that JSON can hold. Properties that are undefined are left out. */
  readonly state: unknown;
}

export interface LoadedCheckpoint extends Checkpoint {
  readonly file: string;
  readonly tensors: Map<string, HostTensor>;
}

export interface CheckpointFile {
  readonly file: string;
  readonly step: number;
}

export interface WriteCheckpointOptions {
  /** Checkpoints to keep, the newest by step; the one just written and the last intact one always stay. @default 3 */
  readonly keep?: number;
}

const formatName = 'vitvq.format';
const stepName = 'vitvq.step';
const stateName = 'vitvq.state';
const checksumName = 'vitvq.sha256';
const format = 'training-checkpoint/1';
const filePrefix = 'checkpoint-';
const filePattern = /^checkpoint-(\d{1,15})\.safetensors$/;

/** Hashed at once; small enough to keep the event loop alive between two pieces. */
const pieceBytes = 4 * 2 ** 20;

/**
 * Writes `checkpoint-<step>.safetensors` into `directory`, which is created if need be, and removes older checkpoints.
 * The file is atomic (see `writeSafetensors`) and carries a SHA-256 of its tensors, step and state. Before anything is
 * removed, a kept file has been read back and found intact; if none is, the newest intact one of the others stays too.
 * @returns the file's path
 * @throws {ConfigError} when `state` holds what JSON cannot (named by its path), or `keep` or `step` is out of range
 * @throws {DataError} when the file cannot be written or an old one not be removed; older checkpoints survive
 */
export async function writeCheckpoint(
  directory: string,
  { step, tensors, state }: Checkpoint,
  { keep = 3 }: WriteCheckpointOptions = {},
): Promise<string> {
  assertInteger(step, 'step', 'writeCheckpoint', 0);
  assertInteger(keep, 'keep', 'writeCheckpoint');
  const stateText = jsonText(state);
  const file = join(directory, `${filePrefix}${String(step).padStart(8, '0')}.safetensors`);
  const entries = describeTensors(tensors, file);
  const hash = startChecksum(step, stateText, entries);
  for (const { name } of entries) await update(hash, bytesOf(tensors.get(name)!));
  try {
    await fs.mkdir(directory, { recursive: true });
  } catch (error) {
    throw new DataError(
      { where: directory, expected: 'to create the folder', got: systemReason(error) },
      { cause: error },
    );
  }
  await writeSafetensors(file, tensors, {
    [formatName]: format,
    [stepName]: String(step),
    [stateName]: stateText,
    [checksumName]: hash.digest('hex'),
  });
  await prune(directory, file, keep);
  return file;
}

/**
 * Reads a checkpoint: of a file, or the newest one of a directory. Everything is checked before anything is returned.
 * @throws {DataError} naming the damaged file; of a directory, it also says which earlier checkpoint is intact
 */
export async function readCheckpoint(directoryOrFile: string): Promise<LoadedCheckpoint> {
  const isDirectory = (await fs.stat(directoryOrFile).catch(() => undefined))?.isDirectory() ?? false;
  if (!isDirectory) return load(directoryOrFile);
  const [newest, ...older] = (await listCheckpoints(directoryOrFile)).reverse();
  if (!newest) {
    throw new DataError({
      where: directoryOrFile,
      expected: 'a folder with a checkpoint',
      got: 'none',
      fix: `Checkpoints are files named ${filePrefix}<step>.safetensors.`,
    });
  }
  try {
    return await load(newest.file);
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

/** Path of the checkpoint with the highest step, unread; undefined when there is none or no such directory. */
export async function latestCheckpoint(directory: string): Promise<string | undefined> {
  return (await listCheckpoints(directory)).at(-1)?.file;
}

/** All checkpoints of a directory, unread, by ascending step; none when there is no such directory. */
export async function listCheckpoints(directory: string): Promise<CheckpointFile[]> {
  let names: string[];
  try {
    names = await fs.readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new DataError({ where: directory, expected: 'a folder', got: systemReason(error) }, { cause: error });
  }
  return names
    .flatMap((name) => {
      const step = filePattern.exec(name)?.[1];
      return step === undefined ? [] : [{ file: join(directory, name), step: Number(step) }];
    })
    .sort((a, b) => a.step - b.step || a.file.localeCompare(b.file));
}

async function load(file: string): Promise<LoadedCheckpoint> {
  const tensors = new Map<string, HostTensor>();
  const { step, state } = await withVerifiedFile(file, async (opened, entry, hash) => {
    const tensor = await opened.read(entry);
    tensors.set(entry.name, tensor);
    await update(hash, bytesOf(tensor));
  });
  return { file, step, tensors, state };
}

/** Reads the bytes of a checkpoint without keeping them. */
async function isIntact(file: string): Promise<boolean> {
  try {
    await withVerifiedFile(file, async (opened, entry, hash) => update(hash, await opened.readBytes(entry)));
    return true;
  } catch (error) {
    if (error instanceof DataError) return false;
    throw error;
  }
}

async function firstIntact(files: readonly CheckpointFile[]): Promise<CheckpointFile | undefined> {
  for (const candidate of files) if (await isIntact(candidate.file)) return candidate;
  return undefined;
}

/** Opens a checkpoint, lets `read` hash every tensor in turn, and compares the checksum. */
async function withVerifiedFile(
  file: string,
  read: (opened: SafetensorsFile, entry: SafetensorsEntry, hash: Hash) => Promise<void>,
): Promise<{ step: number; state: unknown }> {
  const opened = await openSafetensors(file);
  try {
    const { entries, metadata } = opened;
    if (metadata[formatName] !== format) {
      throw new DataError({
        where: file,
        expected: `a training checkpoint ("${format}")`,
        got:
          metadata[formatName] === undefined
            ? 'a safetensors file without training state'
            : `"${metadata[formatName]}"`,
        fix: 'To load weights alone, use readSafetensors.',
      });
    }
    const { [stepName]: step = '', [stateName]: state = '', [checksumName]: checksum = '' } = metadata;
    const other = entries.find(({ dtype }) => dtype !== 'F32' && dtype !== 'I32');
    if (other) {
      throw new DataError({
        where: file,
        expected: 'tensors of type F32 or I32',
        got: `${other.dtype} of ${other.name}`,
      });
    }
    const hash = startChecksum(Number(step), state, entries);
    for (const entry of entries) await read(opened, entry, hash);
    const actual = hash.digest('hex');
    if (actual !== checksum) {
      throw new DataError({
        where: file,
        expected: `SHA-256 ${checksum.slice(0, 16)}...`,
        got: `${actual.slice(0, 16)}...`,
        fix: 'The file was damaged after it was written.',
      });
    }
    return { step: Number(step), state: JSON.parse(state) as unknown };
  } finally {
    await opened.close();
  }
}

/** A hash over what the header says; the tensors' bytes follow. */
function startChecksum(step: number, state: string, entries: readonly SafetensorsEntry[]): Hash {
  const described = entries.map(({ name, dtype, shape }) => [name, dtype, shape]);
  return createHash('sha256')
    .update(JSON.stringify([format, step, state, described]))
    .update('\n');
}

async function update(hash: Hash, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; done += pieceBytes) {
    hash.update(bytes.subarray(done, done + pieceBytes));
    if (done + pieceBytes < bytes.length) await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

async function prune(directory: string, justWritten: string, keep: number): Promise<void> {
  await removeStaleTemporaryFiles(directory, filePrefix);
  const newestFirst = (await listCheckpoints(directory)).reverse();
  const isKept = ({ file }: CheckpointFile, rank: number): boolean => rank < keep || file === justWritten;
  const kept = newestFirst.filter(isKept);
  const surplus = newestFirst.filter((checkpoint, rank) => !isKept(checkpoint, rank));
  if (surplus.length === 0) return;
  const lastIntact = (await firstIntact(kept)) ?? (await firstIntact(surplus));
  for (const checkpoint of surplus) {
    if (checkpoint === lastIntact) continue;
    try {
      await fs.rm(checkpoint.file, { force: true });
    } catch (error) {
      throw new DataError(
        {
          where: checkpoint.file,
          expected: `to remove a checkpoint beyond the ${keep} to keep`,
          got: systemReason(error),
          fix: `${basename(justWritten)} has been written.`,
        },
        { cause: error },
      );
    }
  }
}

/** JSON of a value; refuses what would come back as something else. */
function jsonText(state: unknown): string {
  const check = (value: unknown, path: string): void => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
    if (typeof value === 'number' && Number.isFinite(value)) return;
    if (Array.isArray(value)) {
      value.forEach((item, index) => check(item, `${path}[${index}]`));
      return;
    }
    if (typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value) as null)) {
      for (const [key, item] of Object.entries(value)) if (item !== undefined) check(item, `${path}.${key}`);
      return;
    }
    const got =
      typeof value === 'object' ? value.constructor.name : typeof value === 'number' ? String(value) : typeof value;
    throw new ConfigError({
      where: 'writeCheckpoint',
      expected: `${path} to be something that JSON holds`,
      got,
      fix: 'Large arrays belong into tensors; write numbers that may be infinite or NaN as strings or null.',
    });
  };
  check(state, 'state');
  return JSON.stringify(state);
}
