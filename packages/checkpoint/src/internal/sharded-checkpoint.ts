import { createHash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { systemReason, writeAtomically } from '@vitvq/files';
import type { CheckpointContents, VerifiedFile } from './checkpoint-contents.js';
import { indexPath, newCheckpointShardNames } from '../checkpoint-folder.js';
import { assertChecksum, checksumPlace } from './checksum.js';
import { maximumHeaderBytes, type WritableEntry } from '../safetensors-header.js';
import { checksumName, formatName, stateName, stepName } from './metadata-names.js';
import { openShards } from './open-shards.js';
import { isObject } from './json-file.js';
import { quote } from './scan-json.js';
import { readShardIndex, type ShardIndex } from './shard-index.js';
import { writeShard } from './write-shards.js';

/** Metadata name of the SHA-256 sums of the shards, as `sha256sum` prints them. */
const shardsName = 'vitvq.shards';
const format = 'training-checkpoint-index/1';
const shardFormat = 'training-checkpoint-shard/1';
const hexadecimal = /^[0-9a-f]{64}$/;

/**
 * Writes a checkpoint as several files and, when all of them are synced, their index. Files without
 * an index do not count as a checkpoint, so a kill at any moment leaves earlier checkpoints
 * unchanged.
 * @returns the path of the index
 */
export async function writeSharded(
  directory: string,
  contents: CheckpointContents,
  shards: readonly (readonly WritableEntry[])[],
): Promise<string> {
  const { step, state, tensors, entries } = contents;
  const names = await newCheckpointShardNames(directory, step, shards.length);
  const file = indexPath(directory, step);
  try {
    const checksums: Record<string, string> = {};
    const weightMap: Record<string, string> = {};
    for (const [index, name] of names.entries()) {
      checksums[name] = await writeShard(join(directory, name), tensors, shards[index]!, { [formatName]: shardFormat });
      for (const entry of shards[index]!) weightMap[entry.name] = name;
    }
    const metadata = {
      [checksumName]: checksumPlace, // first, so that no state precedes it
      [formatName]: format,
      [stepName]: String(step),
      [stateName]: state,
      [shardsName]: checksums,
      total_size: entries.at(-1)?.end ?? 0,
    };
    const blank = JSON.stringify({ metadata, weight_map: weightMap }, undefined, 2);
    const text = blank.replace(checksumPlace, createHash('sha256').update(blank).digest('hex'));
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > maximumHeaderBytes) {
      const expected = `an index of at most ${maximumHeaderBytes} bytes`;
      throw new ConfigError({
        where: file,
        expected,
        got: `${bytes.length}`,
        fix: 'Large state belongs into tensors.',
      });
    }
    await writeAtomically(file, (output) => output.append(bytes));
    return file;
  } catch (error) {
    for (const name of names) await fs.rm(join(directory, name), { force: true });
    throw error;
  }
}

/**
 * Opens a checkpoint of several files.
 * @throws {DataError} naming the index or the shard, and what is wrong with it
 */
export async function openSharded(file: string): Promise<VerifiedFile> {
  const { index, step, state, checksums } = await readVerifiedIndex(file);
  const opened = await openShards(file, index, async (shard, { input }) => {
    const hash = createHash('sha256');
    await input.hash(hash);
    assertChecksum(hash.digest('hex'), checksums.get(shard)!, input.path);
  });
  return { step, state, opened };
}

/**
 * Reads the step and the state of a checkpoint of several files. The files must exist; their
 * content is not read.
 */
export async function readShardedState(file: string): Promise<{ readonly step: number; readonly state: string }> {
  const { step, state, checksums } = await readVerifiedIndex(file);
  for (const shard of checksums.keys()) {
    const path = join(dirname(file), shard);
    try {
      await fs.access(path, fs.constants.R_OK);
    } catch (error) {
      throw new DataError(
        { where: path, expected: 'a safetensors file that can be read', got: systemReason(error) },
        { cause: error },
      );
    }
  }
  return { step, state };
}

interface VerifiedIndex {
  readonly index: ShardIndex;
  readonly step: number;
  readonly state: string;
  readonly checksums: ReadonlyMap<string, string>;
}

async function readVerifiedIndex(file: string): Promise<VerifiedIndex> {
  const index = await readShardIndex(file);
  const { metadata, shardOf, text } = index;
  const { [checksumName]: checksum, [stateName]: state, [shardsName]: shards } = metadata;
  if (metadata[formatName] !== format) {
    throw new DataError({
      where: file,
      expected: `the index of a training checkpoint ("${format}")`,
      got: metadata[formatName] === undefined ? 'one without training state' : quote(metadata[formatName]),
      fix: 'To load weights alone, use openShardedSafetensors.',
    });
  }
  if (typeof checksum !== 'string' || !hexadecimal.test(checksum)) {
    throw new DataError({ where: file, expected: `${checksumName} to be a SHA-256`, got: quote(checksum) });
  }
  const actual = createHash('sha256').update(text.replace(checksum, checksumPlace)).digest('hex');
  assertChecksum(actual, checksum, file);
  const step = Number(metadata[stepName]);
  // The checksum shows that nothing changed. These checks show that this package wrote the index.
  const complete = isObject(shards) && [...shardOf.values()].every((shard) => typeof shards[shard] === 'string');
  if (typeof state !== 'string' || !Number.isSafeInteger(step) || !complete) {
    throw new DataError({ where: file, expected: `${stepName}, ${stateName} and ${shardsName}`, got: 'others' });
  }
  return { index, step, state, checksums: new Map(Object.entries(shards as Record<string, string>)) };
}
