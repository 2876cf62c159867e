import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { systemReason } from '@vitvq/files';
import { readShardIndex } from './internal/shard-index.js';
import { shardNames } from './internal/write-shards.js';

/** Matches the name of a checkpoint of one file, and of the index of several files. */
const checkpointPattern = /^checkpoint-(\d{1,15})\.safetensors(\.index\.json)?$/;
const shardPattern = /^checkpoint-(\d{1,15})(?:\.(\d+))?-\d{5,}-of-\d{5,}\.safetensors$/;
/** Prefix of the names of all checkpoint files. */
export const filePrefix = 'checkpoint-';

/** Describes a checkpoint in a folder. */
export interface CheckpointFile {
  /** A safetensors file, or the index of several. */
  readonly file: string;
  readonly step: number;
}

/** Returns the path of a checkpoint of one file. */
export function singlePath(directory: string, step: number): string {
  return join(directory, `${filePrefix}${paddedStep(step)}.safetensors`);
}

/** Returns the path of the index of a checkpoint of several files. */
export function indexPath(directory: string, step: number): string {
  return `${singlePath(directory, step)}.index.json`;
}

/** Returns whether a file is the index of a checkpoint of several files. */
export function isIndex(file: string): boolean {
  return file.endsWith('.json');
}

/**
 * Returns names for the shards of a checkpoint, none of which exists in the folder. When a step is
 * written again, the files of the replaced checkpoint must stay until the new index is written, so
 * the new names carry a number after the step.
 */
export async function newCheckpointShardNames(directory: string, step: number, count: number): Promise<string[]> {
  const taken = (await namesIn(directory)).flatMap((name) => {
    const [, of, generation = '0'] = shardPattern.exec(name) ?? [];
    return of !== undefined && Number(of) === step ? [Number(generation)] : [];
  });
  const generation = taken.length === 0 ? '' : `.${Math.max(...taken) + 1}`;
  return shardNames(`${filePrefix}${paddedStep(step)}${generation}`, count);
}

/**
 * Lists the checkpoints of a directory by ascending step, without reading them. Returns an empty
 * list when the directory does not exist.
 */
export async function listCheckpoints(directory: string): Promise<CheckpointFile[]> {
  return (await namesIn(directory))
    .flatMap((name) => {
      const step = checkpointPattern.exec(name)?.[1];
      return step === undefined ? [] : [{ file: join(directory, name), step: Number(step) }];
    })
    .sort((a, b) => a.step - b.step || a.file.localeCompare(b.file));
}

/**
 * Removes shards that no index names, which a killed process or a removed checkpoint left behind.
 * The shards of a step whose index cannot be read stay, because a user may want to rescue them.
 */
export async function removeStaleShards(directory: string): Promise<void> {
  const shards = (await namesIn(directory)).filter((name) => shardPattern.test(name));
  if (shards.length === 0) return;
  const named = new Set<string>();
  const unreadable = new Set<number>();
  for (const { file, step } of await listCheckpoints(directory)) {
    if (!isIndex(file)) continue;
    try {
      for (const shard of (await readShardIndex(file)).shardOf.values()) named.add(shard);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      unreadable.add(step);
    }
  }
  for (const shard of shards) {
    if (named.has(shard) || unreadable.has(Number(shardPattern.exec(shard)![1]))) continue;
    await removeFile(join(directory, shard), 'to remove a file that belongs to no checkpoint');
  }
}

/**
 * Removes a file, if it exists.
 * @throws {DataError} naming the file and the system's reason
 */
export async function removeFile(file: string, purpose: string, fix?: string): Promise<void> {
  try {
    await fs.rm(file, { force: true });
  } catch (error) {
    throw new DataError({ where: file, expected: purpose, got: systemReason(error), fix }, { cause: error });
  }
}

/** Returns the names in a directory, or an empty list when the directory does not exist. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await fs.readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new DataError({ where: directory, expected: 'a folder', got: systemReason(error) }, { cause: error });
  }
}

function paddedStep(step: number): string {
  return String(step).padStart(8, '0');
}
