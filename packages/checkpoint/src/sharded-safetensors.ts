import { dirname, join } from 'node:path';
import { openWithData } from './internal/open-file.js';
import { openShards } from './internal/open-shards.js';
import { readShardIndex } from './internal/read-shard-index.js';
import type { SafetensorsFile } from './safetensors-file.js';

/**
 * Opens the files over which an index (`model.safetensors.index.json`, in the layout of Hugging
 * Face) distributes tensors, to read them tensor by tensor. `entries` are in the order of the names
 * of the files and of their bytes; `metadata` holds the strings among the metadata of the index.
 * The caller closes it.
 * @throws {DataError} naming the index or the file, and the problem: a file that is missing, that
 *   lacks a tensor, or that lies outside the folder of the index
 */
export async function openShardedSafetensors(indexFile: string): Promise<SafetensorsFile> {
  const index = await readShardIndex(indexFile);
  return openShards(indexFile, index, async (shard) => (await openWithData(join(dirname(indexFile), shard))).opened);
}
