import { DataError } from '@vitvq/core';
import { maximumHeaderBytes } from '../safetensors-header.js';
import { isObject, readJsonObject } from './json-file.js';
import { quote } from './scan-json.js';

/** Content of a `*.safetensors.index.json`. */
export interface ShardIndex {
  readonly text: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** File name of each tensor, by the tensor's name. */
  readonly shardOf: ReadonlyMap<string, string>;
}

/** Limits of an index, more than any index needs. Deeper nesting is refused before parsing. */
const maximumDepth = 8;
const shardName = /^[^/\\\0]+\.safetensors$/;

/**
 * Reads and validates an index of shards. A shard must be a file of the same folder, because an
 * index may come from an untrusted source.
 * @throws {DataError} naming the index and what is wrong with it
 */
export async function readShardIndex(file: string): Promise<ShardIndex> {
  const refuse = (expected: string, got: string, fix?: string): never => {
    throw new DataError({ where: file, expected, got, fix });
  };
  const limits = { maximumBytes: maximumHeaderBytes, maximumDepth };
  const { text, value } = await readJsonObject(file, 'an index', limits);
  const { metadata = {}, weight_map: weightMap } = value;
  if (!isObject(metadata)) return refuse('metadata to be an object', quote(metadata));
  if (!isObject(weightMap)) return refuse('weight_map to be an object', quote(weightMap));
  const shardOf = new Map<string, string>();
  for (const [name, shard] of Object.entries(weightMap)) {
    if (typeof shard !== 'string' || !shardName.test(shard)) {
      return refuse(
        `weight_map to name a *.safetensors file of the same folder for tensor ${quote(name)}`,
        quote(shard),
        'Files elsewhere are not opened.',
      );
    }
    shardOf.set(name, shard);
  }
  return { text, metadata, shardOf };
}
