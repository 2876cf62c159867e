import { DataError } from '@vitvq/core';
import { maximumHeaderBytes } from '../safetensors-header.js';
import { isObject, type JsonObject, type JsonObjectLimits } from './json-object.js';
import { quote } from './scan-json.js';

/** Content of a `*.safetensors.index.json`. */
export interface ShardIndex {
  readonly text: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** File name of each tensor's shard, by the name of the tensor. */
  readonly shardOf: ReadonlyMap<string, string>;
}

/** Description of an index in errors. */
export const indexNoun = 'an index';

/** Bounds of an index. No index needs the depth. */
export const indexLimits: JsonObjectLimits = { maximumBytes: maximumHeaderBytes, maximumDepth: 8 };

/** Files of an index, all of which are opened; the largest published models have some hundred. */
const maximumShards = 10_000;

const shardName = /^[^/\\\0]+\.safetensors$/;

/**
 * Validates an index of shards. A shard must be a file of the folder of the index, because an index
 * may come from anywhere.
 * @param where  path of the index, or its name in errors
 * @throws {DataError} naming the index and the problem
 */
export function parseShardIndex({ text, value }: JsonObject, where: string): ShardIndex {
  const refuse = (expected: string, got: string, fix?: string): never => {
    throw new DataError({ where, expected, got, fix });
  };
  const { metadata = {}, weight_map: weightMap } = value;
  if (!isObject(metadata)) return refuse('metadata to be an object', quote(metadata));
  if (!isObject(weightMap)) return refuse('weight_map to be an object', quote(weightMap));
  const shardOf = new Map<string, string>();
  const shards = new Set<string>();
  for (const [name, shard] of Object.entries(weightMap)) {
    if (typeof shard !== 'string' || !shardName.test(shard)) {
      return refuse(
        `weight_map to name a *.safetensors file of the same folder for tensor ${quote(name)}`,
        quote(shard),
        'Files elsewhere are not opened.',
      );
    }
    shardOf.set(name, shard);
    shards.add(shard);
    if (shards.size > maximumShards) return refuse(`at most ${maximumShards} files`, 'more');
  }
  return { text, metadata, shardOf };
}
