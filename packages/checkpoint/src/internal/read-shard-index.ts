import { readJsonObject } from './json-file.js';
import { indexLimits, indexNoun, parseShardIndex, type ShardIndex } from './shard-index.js';

/** Reads and validates an index of shards. @throws {DataError} naming the index and the problem */
export async function readShardIndex(file: string): Promise<ShardIndex> {
  return parseShardIndex(await readJsonObject(file, indexNoun, indexLimits), file);
}
