import { join } from 'node:path';
import { assertInteger, checkOptions, type OptionTable } from '@vitvq/core';
import { finishReplacement, namesIn, replaceFiles, writeJson, writeWhole } from '@vitvq/files';
import { readJsonObject } from './internal/json-file.js';
import { layOut } from './internal/layout.js';
import {
  configLimits,
  configNoun,
  encodeModelConfig,
  parseModelConfig,
  tensorFileOf,
} from './internal/model-config.js';
import { configName, indexName, modelStem, singleName } from './internal/model-names.js';
import { shardNames, splitIntoShards, writeShard } from './internal/write-shards.js';
import type { ModelDescription, OpenedModel } from './model-description.js';
import type { WritableEntry } from './safetensors-header.js';
import { openSafetensors } from './safetensors.js';
import { openShardedSafetensors } from './sharded-safetensors.js';
import type { WritableTensors } from './tensor-source.js';

const shardPattern = /^model(?:\.[0-9a-f]{8})?-\d{5,}-of-\d{5,}\.safetensors$/;

/** Options of {@link writeModel}. */
export interface WriteModelOptions {
  /**
   * Bytes of tensors beyond which they are written as several files and an index. A tensor is never
   * split, so a tensor that is larger makes a larger file. @default 2 GiB
   */
  readonly maximumShardBytes?: number;
}

const writeModelOptionNames: OptionTable<WriteModelOptions> = {
  maximumShardBytes: 'optional',
};

/**
 * Writes a model as a folder in the layout of model hubs: `config.json`, and `model.safetensors` or
 * several files under `model.safetensors.index.json`. The folder is created when it is missing; its
 * other files stay. Tensors of a source (`variableTensors`) are held one at a time.
 *
 * The files of a model are replaced as one: when writing fails (a full disk) or the process is
 * killed, `openModel` finds the model that was there before or the whole new one.
 * @throws {ConfigError} when `config` holds what JSON cannot (naming its path), or for names that
 *   the format cannot hold
 * @throws {ShapeError} when the values of a tensor do not fill its shape
 * @throws {DataError} naming the file that cannot be written and the system's reason
 */
export async function writeModel(
  folder: string,
  description: ModelDescription,
  tensors: WritableTensors,
  options: WriteModelOptions = {},
): Promise<void> {
  const { maximumShardBytes = 2 * 2 ** 30 } = checkOptions(options, writeModelOptionNames, 'writeModel');
  assertInteger(maximumShardBytes, 'maximumShardBytes', 'writeModel', 1, Number.MAX_SAFE_INTEGER);
  const config = encodeModelConfig(description, 'writeModel');
  const entries = layOut(tensors, join(folder, singleName));
  const shards = splitIntoShards(entries, maximumShardBytes);
  await replaceFiles(folder, {
    isReplaced: isModelFile,
    write: async (staging) => {
      const names = shards.length === 1 ? [singleName] : shardNames(modelStem, shards.length);
      for (const [index, name] of names.entries()) await writeShard(join(staging, name), tensors, shards[index]!);
      const index = shards.length === 1 ? [] : [indexName];
      if (index.length > 0) await writeIndex(join(staging, indexName), names, shards);
      await writeWhole(join(staging, configName), config);
      return [...names, ...index, configName];
    },
  });
}

/** Returns whether a file of a model folder belongs to the model. */
function isModelFile(name: string): boolean {
  return name === configName || name === singleName || name === indexName || shardPattern.test(name);
}

async function writeIndex(
  file: string,
  names: readonly string[],
  shards: readonly (readonly WritableEntry[])[],
): Promise<void> {
  const weightMap = shards.flatMap((shard, index) => shard.map(({ name }) => [name, names[index]!] as const));
  await writeJson(file, {
    metadata: { total_size: shards.at(-1)!.at(-1)!.end },
    weight_map: Object.fromEntries(weightMap),
  });
}

/**
 * Opens a model folder. The tensors are those of `model.safetensors` or, where that is missing, of
 * the files that `model.safetensors.index.json` names. The folder may come from anywhere:
 * everything is validated, except `config`. A replacement of the model that was interrupted is
 * finished first. The caller closes the model.
 * @throws {DataError} naming the file and the problem
 */
export async function openModel(folder: string): Promise<OpenedModel> {
  await finishReplacement(folder, isModelFile);
  const tensorFile = tensorFileOf(await namesIn(folder), folder);
  const configFile = join(folder, configName);
  const json = await readJsonObject(configFile, configNoun, configLimits);
  const { type, config, metadata } = parseModelConfig(json, configFile);
  const open = tensorFile === singleName ? openSafetensors : openShardedSafetensors;
  const opened = await open(join(folder, tensorFile));
  return { ...opened, folder, type, config, metadata: metadata ?? opened.metadata };
}
