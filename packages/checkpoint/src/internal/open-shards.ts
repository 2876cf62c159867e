import { DataError } from '@vitvq/core';
import type { SafetensorsFile } from '../safetensors-file.js';
import type { SafetensorsEntry } from '../safetensors-header.js';
import { quote } from './scan-json.js';
import type { ShardIndex } from './shard-index.js';

/**
 * Opens all shards of an index as if they were one file.
 * @param indexFile  path of the index, or its name in errors
 * @param open  opens the shard of a name
 * @throws {DataError} naming the shard that is missing or wrong
 */
export async function openShards(
  indexFile: string,
  { metadata, shardOf }: ShardIndex,
  open: (shard: string) => Promise<SafetensorsFile>,
): Promise<SafetensorsFile> {
  const files = new Map<string, SafetensorsFile>();
  const close = async (): Promise<void> => {
    for (const each of files.values()) await each.close();
  };
  try {
    const entries: SafetensorsEntry[] = [];
    const fileOf = new Map<string, SafetensorsFile>();
    for (const shard of [...new Set(shardOf.values())].sort()) {
      const opened = await open(shard);
      files.set(shard, opened);
      for (const entry of opened.entries) {
        if (shardOf.get(entry.name) !== shard) continue;
        entries.push(entry);
        fileOf.set(entry.name, opened);
      }
    }
    for (const [name, shard] of shardOf) {
      if (fileOf.has(name)) continue;
      throw new DataError({
        where: files.get(shard)!.file,
        expected: `tensor ${quote(name)}, which the index lists`,
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
