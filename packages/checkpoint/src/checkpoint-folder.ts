import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { namesIn, removeFile } from '@vitvq/files';
import { readShardIndex } from './internal/read-shard-index.js';
import { shardNames } from './internal/write-shards.js';

/** Name of a checkpoint: a single file, or the index of several. */
const checkpointPattern = /^checkpoint-(\d{1,15})\.safetensors(\.index\.json)?$/;
const shardPattern = /^checkpoint-(\d{1,15})(?:\.(\d+))?-\d{5,}-of-\d{5,}\.safetensors$/;

/** Beginning of the names of all files of checkpoints. */
export const filePrefix = 'checkpoint-';

/** A checkpoint of a folder. */
export interface CheckpointFile {
  /** Path of the safetensors file, or of the index of several. */
  readonly file: string;
  /** Number of optimizer steps that its name states. */
  readonly step: number;
}

/** Returns the path of a checkpoint that is a single file. */
export function singlePath(directory: string, step: number): string {
  return join(directory, `${filePrefix}${paddedStep(step)}.safetensors`);
}

/** Returns the path of the index of a checkpoint of several files. */
export function indexPath(directory: string, step: number): string {
  return `${singlePath(directory, step)}.index.json`;
}

/** Returns whether the path of a checkpoint is that of an index. */
export function isIndex(file: string): boolean {
  return file.endsWith('.json');
}

/**
 * Returns names for the shards of a checkpoint that no file has. When a step is written again, the
 * files of the checkpoint that it replaces must live until the new index does, so the new names
 * carry a number after the step.
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
 * Returns all checkpoints of a folder by ascending step, without reading them; none where there is
 * no such folder.
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
 * Removes shards that no index names: those that a killed process or a removed checkpoint left
 * behind. While an index cannot be read, the shards of its step stay, because somebody may want to
 * rescue them.
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

function paddedStep(step: number): string {
  return String(step).padStart(8, '0');
}
