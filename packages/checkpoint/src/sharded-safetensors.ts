import { openShards } from './internal/open-shards.js';
import { readShardIndex } from './internal/shard-index.js';
import type { SafetensorsFile } from './safetensors-file.js';

/**
 * Opens all files that an index names (`model.safetensors.index.json`, in Hugging Face's layout),
 * to read them tensor by tensor. `entries` are in the order of the file names, and within a file in
 * the order of their bytes. `metadata` holds the strings of the index's metadata. The caller closes
 * the result.
 * @throws {DataError} naming the index or the file, and what is wrong with it: a file is missing,
 *   lacks a tensor, or lies outside the folder of the index
 */
export async function openShardedSafetensors(indexFile: string): Promise<SafetensorsFile> {
  return openShards(indexFile, await readShardIndex(indexFile));
}
