import { createHash } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { systemReason, writeAtomically } from '@vitvq/files';
import { indexPath, newCheckpointShardNames } from '../checkpoint-folder.js';
import { maximumHeaderBytes, type WritableEntry } from '../safetensors-header.js';
import type { SafetensorsFile } from '../safetensors-file.js';
import type { CheckpointContents, VerifiedFile } from './checkpoint-contents.js';
import { assertChecksum, checksumPlace } from './checksum.js';
import { isObject } from './json-object.js';
import { checksumName, formatName, stateName, stepName } from './metadata-names.js';
import { openWithData } from './open-file.js';
import { openShards } from './open-shards.js';
import { readShardIndex } from './read-shard-index.js';
import { quote } from './scan-json.js';
import type { ShardIndex } from './shard-index.js';
import { writeShard } from './write-shards.js';

/** Key of the SHA-256 of each shard, in the digits that `sha256sum` prints. */
const shardsName = 'vitvq.shards';
const format = 'training-checkpoint-index/1';
const shardFormat = 'training-checkpoint-shard/1';
const hexadecimal = /^[0-9a-f]{64}$/;

/**
 * Writes a checkpoint as several files and, when all of them are safe on the disk, the index that
 * makes them a checkpoint. Without the index the files are no checkpoint, so that a kill at any
 * moment leaves earlier checkpoints unchanged.
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
      // The first entry, so that no state before it can hold a copy of the placeholder.
      [checksumName]: checksumPlace,
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
 * @throws {DataError} naming the index or the shard, and the problem
 */
export async function openSharded(file: string): Promise<VerifiedFile> {
  const { index, step, state, checksums } = await readVerifiedIndex(file);
  const opened = await openShards(file, index, (shard) =>
    openVerifiedShard(join(dirname(file), shard), checksums.get(shard)!),
  );
  return { step, state, opened };
}

/** Opens a shard whose SHA-256 is the expected one. @throws {DataError} naming the shard */
async function openVerifiedShard(file: string, checksum: string): Promise<SafetensorsFile> {
  const { opened, input } = await openWithData(file);
  try {
    const hash = createHash('sha256');
    await input.hash(hash);
    assertChecksum(hash.digest('hex'), checksum, file);
    return opened;
  } catch (error) {
    await opened.close();
    throw error;
  }
}

/**
 * Reads the step and the state of a checkpoint of several files. The files must be there; their
 * contents are not read.
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

/** Content of an index whose checksum is right. */
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
  // The checksum shows that nothing changed; these checks, that the index is complete.
  const complete = isObject(shards) && [...shardOf.values()].every((shard) => typeof shards[shard] === 'string');
  if (typeof state !== 'string' || !Number.isSafeInteger(step) || !complete) {
    throw new DataError({ where: file, expected: `${stepName}, ${stateName} and ${shardsName}`, got: 'others' });
  }
  return { index, step, state, checksums: new Map(Object.entries(shards as Record<string, string>)) };
}
