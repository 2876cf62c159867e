import { dirname, join } from 'node:path';
import { DataError } from '@vitvq/core';
import type { SafetensorsFile } from '../safetensors-file.js';
import type { SafetensorsEntry } from '../safetensors-header.js';
import { openWithData, type FileWithData } from './open-file.js';
import { quote } from './scan-json.js';
import type { ShardIndex } from './shard-index.js';

/**
 * Opens all shards of an index as one file.
 * @param verify  checks each shard after it is opened
 * @throws {DataError} naming the shard that is missing or invalid
 */
export async function openShards(
  indexFile: string,
  { metadata, shardOf }: ShardIndex,
  verify: (shard: string, opened: FileWithData) => Promise<void> = () => Promise.resolve(),
): Promise<SafetensorsFile> {
  const files: SafetensorsFile[] = [];
  const close = async (): Promise<void> => {
    for (const each of files) await each.close();
  };
  try {
    const entries: SafetensorsEntry[] = [];
    const fileOf = new Map<string, SafetensorsFile>();
    for (const shard of [...new Set(shardOf.values())].sort()) {
      const withData = await openWithData(join(dirname(indexFile), shard));
      files.push(withData.opened);
      await verify(shard, withData);
      for (const entry of withData.opened.entries) {
        if (shardOf.get(entry.name) !== shard) continue;
        entries.push(entry);
        fileOf.set(entry.name, withData.opened);
      }
    }
    for (const [name, shard] of shardOf) {
      if (fileOf.has(name)) continue;
      throw new DataError({
        where: join(dirname(indexFile), shard),
        expected: `tensor ${quote(name)}, which the index says is there`,
        got: 'none of that name',
      });
    }
    const strings = Object.entries(metadata).filter((item): item is [string, string] => typeof item[1] === 'string');
    return {
      file: indexFile,
      entries,
      metadata: Object.fromEntries(strings),
      read: (entry) => fileOf.get(entry.name)!.read(entry),
      readBytes: (entry) => fileOf.get(entry.name)!.readBytes(entry),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
