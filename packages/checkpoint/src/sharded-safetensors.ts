import { openShards } from './internal/open-shards.js';
import { readShardIndex } from './internal/shard-index.js';
import type { SafetensorsFile } from './safetensors-file.js';

/**
 * Opens the files that an index (`model.safetensors.index.json`, in Hugging Face's layout)
 * distributes tensors over, to read them tensor by tensor. `entries` are in the order of the files'
 * names, and of their bytes; `metadata` holds what is a string in the index's. Close it.
 * @throws {DataError} naming the index or the file, and what is wrong with it: a file that is
 *   missing, lacks a tensor, or lies outside the folder of the index
 */
export async function openShardedSafetensors(indexFile: string): Promise<SafetensorsFile> {
  return openShards(indexFile, await readShardIndex(indexFile));
}
