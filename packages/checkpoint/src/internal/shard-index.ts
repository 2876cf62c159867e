import { promises as fs } from 'node:fs';
import { DataError } from '@vitvq/core';
import { maximumHeaderBytes } from './header.js';
import { quote, scanJson } from './scan-json.js';
import { systemReason } from './system-reason.js';

/** What a `*.safetensors.index.json` says. */
export interface ShardIndex {
  readonly text: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** File of each tensor, by the tensor's name. */
  readonly shardOf: ReadonlyMap<string, string>;
}

/** More than any index needs; deeper nesting is refused before it is parsed. */
const maximumDepth = 8;
const shardName = /^[^/\\\0]+\.safetensors$/;

/**
 * Reads and validates an index of shards. A shard must be a file of the same folder: an index may come from anywhere.
 * @throws {DataError} naming the index and what is wrong with it
 */
export async function readShardIndex(file: string): Promise<ShardIndex> {
  const refuse = (expected: string, got: string, fix?: string): never => {
    throw new DataError({ where: file, expected, got, fix });
  };
  let bytes: Uint8Array;
  try {
    const { size } = await fs.stat(file);
    if (size > maximumHeaderBytes) return refuse(`an index of at most ${maximumHeaderBytes} bytes`, `${size}`);
    bytes = await fs.readFile(file);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      { where: file, expected: 'an index of shards that can be read', got: systemReason(error) },
      { cause: error },
    );
  }
  let text: string;
  let parsed: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const { repeated, tooDeep } = scanJson(text, maximumDepth);
    if (tooDeep) return refuse(`an index nested ${maximumDepth} deep`, 'a deeper one');
    if (repeated !== undefined) return refuse('names that differ', `${quote(repeated)} twice in the index`);
    parsed = JSON.parse(text);
  } catch (error) {
    if (error instanceof DataError) throw error;
    return refuse('an index in JSON', quote((error as Error).message), 'The file is damaged or was cut off.');
  }
  if (!isObject(parsed)) return refuse('an index that is an object', quote(parsed));
  const { metadata = {}, weight_map: weightMap } = parsed;
  if (!isObject(metadata)) return refuse('metadata to be an object', quote(metadata));
  if (!isObject(weightMap)) return refuse('weight_map to be an object', quote(weightMap));
  const shardOf = new Map<string, string>();
  for (const [name, shard] of Object.entries(weightMap)) {
    if (name === '__proto__') return refuse('tensor names other than __proto__', 'that name');
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

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
