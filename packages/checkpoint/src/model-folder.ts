import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { assertInteger } from '@vitvq/core';
import { createFolder, namesIn, removeFile, removeTemporaryFiles, writeAtomically, writeJson } from '@vitvq/files';
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

/**
 * Writes a model as a folder in the layout of model hubs: `config.json`, and `model.safetensors` or
 * several files under `model.safetensors.index.json`. The folder is created when it is missing.
 * Tensors of a source (`variableTensors`) are held one at a time. config.json is written last: a
 * folder without it is not a model yet, and when writing fails (a full disk), a model that was
 * there before is unchanged.
 * @throws {ConfigError} when `config` holds what JSON cannot (naming its path), or for names that
 *   the format cannot hold
 * @throws {ShapeError} when the values of a tensor do not fill its shape
 * @throws {DataError} naming the file that cannot be written and the system's reason
 */
export async function writeModel(
  folder: string,
  description: ModelDescription,
  tensors: WritableTensors,
  { maximumShardBytes = 2 * 2 ** 30 }: WriteModelOptions = {},
): Promise<void> {
  assertInteger(maximumShardBytes, 'maximumShardBytes', 'writeModel', 1, Number.MAX_SAFE_INTEGER);
  const config = encodeModelConfig(description, 'writeModel');
  const entries = layOut(tensors, join(folder, singleName));
  await createFolder(folder);
  await removeTemporaryFiles(folder, modelStem);
  const before = await namesIn(folder);
  const shards = splitIntoShards(entries, maximumShardBytes);
  let written: readonly string[] = [];
  // config.json gets its name when the tensors have theirs; until then it is a temporary file.
  await writeAtomically(join(folder, configName), async (output) => {
    await output.append(config);
    if (shards.length === 1) {
      await writeShard(join(folder, singleName), tensors, entries);
      written = [singleName];
      return;
    }
    // New names keep the files of a model that was there before while the new ones are written.
    const taken = before.some((name) => shardPattern.test(name));
    const names = shardNames(taken ? `${modelStem}.${randomBytes(4).toString('hex')}` : modelStem, shards.length);
    await writeShardsAndIndex(folder, names, shards, tensors);
    written = [indexName, ...names];
    // With both there, the single file would be the model.
    await fs.rm(join(folder, singleName), { force: true });
  });
  for (const name of before) {
    const isOurs = name === singleName || name === indexName || shardPattern.test(name);
    if (isOurs && !written.includes(name)) {
      await removeFile(join(folder, name), 'to remove a file of the model that was there before');
    }
  }
}

/** Writes tensors as several files and then their index. A failure leaves none of the files. */
async function writeShardsAndIndex(
  folder: string,
  names: readonly string[],
  shards: readonly (readonly WritableEntry[])[],
  tensors: WritableTensors,
): Promise<void> {
  try {
    const weightMap: [string, string][] = [];
    for (const [index, name] of names.entries()) {
      await writeShard(join(folder, name), tensors, shards[index]!);
      for (const entry of shards[index]!) weightMap.push([entry.name, name]);
    }
    const totalSize = shards.at(-1)!.at(-1)!.end;
    await writeJson(join(folder, indexName), {
      metadata: { total_size: totalSize },
      weight_map: Object.fromEntries(weightMap),
    });
  } catch (error) {
    for (const name of names) await fs.rm(join(folder, name), { force: true });
    throw error;
  }
}

/**
 * Opens a model folder. The tensors are those of `model.safetensors` or, where that is missing, of
 * the files that `model.safetensors.index.json` names. The folder may come from anywhere:
 * everything is validated, except `config`. The caller closes the model.
 * @throws {DataError} naming the file and the problem
 */
export async function openModel(folder: string): Promise<OpenedModel> {
  const tensorFile = tensorFileOf(await namesIn(folder), folder);
  const configFile = join(folder, configName);
  const json = await readJsonObject(configFile, configNoun, configLimits);
  const { type, config, metadata } = parseModelConfig(json, configFile);
  const open = tensorFile === singleName ? openSafetensors : openShardedSafetensors;
  const opened = await open(join(folder, tensorFile));
  return { ...opened, folder, type, config, metadata: metadata ?? opened.metadata };
}
