import { createHash } from 'node:crypto';
import { updateHash, writeAtomically } from '@vitvq/files';
import type { WritableEntry } from '../safetensors-header.js';
import type { WritableTensors } from '../tensor-source.js';
import { encodeHeader, place } from './layout.js';
import { forEachTensor } from './write-tensors.js';

/**
 * Divides tensors into shards, in order: each shard gets as many as fit. A tensor that is larger
 * than a shard may be gets a shard of its own.
 */
export function splitIntoShards(entries: readonly WritableEntry[], maximumShardBytes: number): WritableEntry[][] {
  const shards: WritableEntry[][] = [[]];
  let bytes = 0;
  for (const entry of entries) {
    const size = entry.end - entry.begin;
    if (bytes > 0 && bytes + size > maximumShardBytes) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(entry);
    bytes += size;
  }
  return shards;
}

/** Writes one shard, holding one tensor at a time, and returns its SHA-256. */
export async function writeShard(
  file: string,
  tensors: WritableTensors,
  shard: readonly WritableEntry[],
  metadata: Readonly<Record<string, string>> = {},
): Promise<string> {
  const described = shard.map(({ name, shape, dtype }) => ({
    name,
    shape,
    dtype: dtype === 'I32' ? ('int32' as const) : ('float32' as const),
  }));
  const entries = place(described, file);
  const header = encodeHeader(entries, metadata, file);
  const hash = createHash('sha256').update(header);
  await writeAtomically(file, async (output) => {
    await output.append(header);
    await forEachTensor(tensors, entries, file, async (bytes) => {
      await updateHash(hash, bytes);
      await output.append(bytes);
    });
  });
  return hash.digest('hex');
}

/** Returns the names of shards: `<stem>-00001-of-0000N.safetensors` and so on. */
export function shardNames(stem: string, count: number): string[] {
  const padded = (value: number): string => String(value).padStart(5, '0');
  return Array.from({ length: count }, (_, index) => `${stem}-${padded(index + 1)}-of-${padded(count)}.safetensors`);
}
