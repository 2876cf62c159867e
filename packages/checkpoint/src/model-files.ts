import { DataError, type HostTensor } from '@vitvq/core';
import { bytesInMemory } from './internal/byte-source.js';
import { parseJsonObject } from './internal/json-object.js';
import {
  configLimits,
  configNoun,
  encodeModelConfig,
  parseModelConfig,
  tensorFileOf,
} from './internal/model-config.js';
import { configName, indexName, singleName } from './internal/model-names.js';
import { openShards } from './internal/open-shards.js';
import { openSource } from './internal/open-source.js';
import { indexLimits, indexNoun, parseShardIndex } from './internal/shard-index.js';
import type { ModelDescription, OpenedModel } from './model-description.js';
import type { SafetensorsFile } from './safetensors-file.js';
import { encodeSafetensors } from './safetensors-memory.js';

/** Contents of the files of a model folder, by their names. */
export type ModelFiles = Readonly<Record<string, Uint8Array>>;

/**
 * Returns the files of a model folder: `config.json` and `model.safetensors`. `writeModel` of the
 * main entry writes a folder without holding all of it in memory.
 * @throws {ConfigError} when `config` holds what JSON cannot, or for names that the format cannot
 *   hold
 * @throws {ShapeError} when the values of a tensor do not fill its shape
 */
export function encodeModelFiles(
  description: ModelDescription,
  tensors: ReadonlyMap<string, HostTensor>,
): Record<typeof configName | typeof singleName, Uint8Array<ArrayBuffer>> {
  return {
    [configName]: encodeModelConfig(description, 'encodeModelFiles'),
    [singleName]: encodeSafetensors(tensors),
  };
}

/**
 * Opens a model folder whose files are in memory, as a browser fetches them: `config.json` with
 * `model.safetensors`, or with `model.safetensors.index.json` and the files that it names. The
 * files may come from anywhere: everything is validated, except `config`. The arrays must not
 * change while the model is open; tensors that are read share nothing with them.
 * @param where  name of the folder in errors, such as its address
 * @throws {DataError} naming the file and the problem
 */
export async function openModelFiles(files: ModelFiles, where = 'openModelFiles'): Promise<OpenedModel> {
  const tensorFile = tensorFileOf(Object.keys(files), where);
  const pathOf = (name: string): string => `${where}/${name}`;
  const bytesOf = (name: string): Uint8Array => {
    const bytes = Object.hasOwn(files, name) ? files[name] : undefined;
    if (bytes) return bytes;
    throw new DataError({ where: pathOf(name), expected: 'the content of that file', got: 'none' });
  };
  const json = parseJsonObject(bytesOf(configName), configNoun, configLimits, pathOf(configName));
  const { type, config, metadata } = parseModelConfig(json, pathOf(configName));
  const openShard = async (name: string): Promise<SafetensorsFile> =>
    (await openSource(bytesInMemory(bytesOf(name), pathOf(name)))).opened;
  let opened: SafetensorsFile;
  if (tensorFile === singleName) {
    opened = await openShard(singleName);
  } else {
    const index = parseJsonObject(bytesOf(indexName), indexNoun, indexLimits, pathOf(indexName));
    opened = await openShards(pathOf(indexName), parseShardIndex(index, pathOf(indexName)), openShard);
  }
  return { ...opened, folder: where, type, config, metadata: metadata ?? opened.metadata };
}
