import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, DataError, assertInteger } from '@vitvq/core';
import { removeTemporaryFiles, systemReason, writeAtomically } from '@vitvq/files';
import { assertJson } from './internal/assert-json.js';
import { namesIn, removeFile } from './checkpoint-folder.js';
import { isObject, readJsonObject } from './internal/json-file.js';
import { layOut } from './internal/layout.js';
import { configName, indexName, modelStem, singleName } from './internal/model-names.js';
import { quote } from './internal/scan-json.js';
import { shardNames, splitIntoShards, writeShard } from './internal/write-shards.js';
import { openSafetensors } from './safetensors.js';
import type { SafetensorsFile } from './safetensors-file.js';
import { openShardedSafetensors } from './sharded-safetensors.js';
import type { WritableTensors } from './tensor-source.js';

const shardPattern = /^model(?:\.[0-9a-f]{8})?-\d{5,}-of-\d{5,}\.safetensors$/;

/** Limits of config.json. The vocabulary of a text tokenizer fits; weights do not. */
const limits = { maximumBytes: 32 * 2 ** 20, maximumDepth: 64 };

/** Describes a model apart from its weights: the content of config.json. */
export interface ModelDescription {
  /**
   * Kind of the model: `vit-vq`, `gpt`, ... A loader knows the kinds that it can build.
   */
  readonly type: string;
  /** Config from which the model is rebuilt: any value that JSON can hold. */
  readonly config: unknown;
  /** Notes for people and programs: origin, licence and results of the weights. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Options of {@link writeModel}. */
export interface WriteModelOptions {
  /**
   * Largest number of bytes of tensors in one file; more are written as several files and an index.
   * A tensor is never split, so a larger tensor makes a larger file. @default 2 GiB
   */
  readonly maximumShardBytes?: number;
}

/**
 * An open model folder, whose tensors are read on demand. `restoreVariables` accepts it. The caller
 * closes it.
 */
export interface OpenedModel extends SafetensorsFile {
  readonly folder: string;
  readonly type: string;
  /** The config as written, not validated: the code that builds the model validates it. */
  readonly config: unknown;
  /** Metadata of config.json, or of the safetensors file when config.json has none. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Writes a model as a folder in the layout of model hubs: `model.safetensors`, or several files
 * under `model.safetensors.index.json`, and `config.json`. The folder is created when it does not
 * exist. Tensors of a source (`variableTensors`) are held in memory one at a time. config.json is
 * written last: a folder without it is not a model. When writing fails (on a full disk, for
 * example), an earlier model in the folder is unchanged.
 * @throws {ConfigError} when `config` holds a value that JSON cannot hold, naming its path, or for
 *   names that the format cannot hold
 * @throws {ShapeError} when a tensor's values do not fill its shape
 * @throws {DataError} naming the file that cannot be written and the system's reason
 */
export async function writeModel(
  folder: string,
  { type, config, metadata }: ModelDescription,
  tensors: WritableTensors,
  { maximumShardBytes = 2 * 2 ** 30 }: WriteModelOptions = {},
): Promise<void> {
  assertInteger(maximumShardBytes, 'maximumShardBytes', 'writeModel');
  if (typeof type !== 'string' || type === '') {
    throw new ConfigError({ where: 'writeModel', expected: 'type to be a word', got: quote(type) });
  }
  assertJson(config, 'config', 'writeModel');
  const text = `${JSON.stringify({ type, config, metadata }, undefined, 2)}\n`;
  const entries = layOut(tensors, join(folder, singleName));
  try {
    await fs.mkdir(folder, { recursive: true });
  } catch (error) {
    throw new DataError(
      { where: folder, expected: 'to create the folder', got: systemReason(error) },
      { cause: error },
    );
  }
  await removeTemporaryFiles(folder, modelStem);
  const before = await namesIn(folder);
  const shards = splitIntoShards(entries, maximumShardBytes);
  // config.json is a temporary file until the files of the tensors have their final names.
  const written: string[] = [];
  await writeAtomically(join(folder, configName), async (output) => {
    await output.append(new TextEncoder().encode(text));
    if (shards.length === 1) {
      await writeShard(join(folder, singleName), tensors, entries);
      written.push(singleName);
      return;
    }
    // The shards get new names, so that the shards of an earlier model stay unchanged while these
    // are written.
    const taken = before.some((name) => shardPattern.test(name));
    const names = shardNames(taken ? `${modelStem}.${randomBytes(4).toString('hex')}` : modelStem, shards.length);
    try {
      const weightMap: [string, string][] = [];
      for (const [index, name] of names.entries()) {
        await writeShard(join(folder, name), tensors, shards[index]!);
        for (const entry of shards[index]!) weightMap.push([entry.name, name]);
      }
      const index = { metadata: { total_size: entries.at(-1)!.end }, weight_map: Object.fromEntries(weightMap) };
      const bytes = new TextEncoder().encode(`${JSON.stringify(index, undefined, 2)}\n`);
      await writeAtomically(join(folder, indexName), (file) => file.append(bytes));
    } catch (error) {
      for (const name of names) await fs.rm(join(folder, name), { force: true });
      throw error;
    }
    written.push(indexName, ...names);
    // If both existed, openModel would take the single file.
    await fs.rm(join(folder, singleName), { force: true });
  });
  for (const name of before) {
    const isOurs = name === singleName || name === indexName || shardPattern.test(name);
    if (isOurs && !written.includes(name)) {
      await removeFile(join(folder, name), 'to remove a file of the model that was there before');
    }
  }
}

/**
 * Opens a model folder. The tensors are those of `model.safetensors` or, when that is missing, of
 * the files that `model.safetensors.index.json` names. The folder may come from an untrusted
 * source: everything in the result has been validated, except `config`.
 * @throws {DataError} naming the file and what is wrong with it
 */
export async function openModel(folder: string): Promise<OpenedModel> {
  const configFile = join(folder, configName);
  const names = await namesIn(folder);
  if (!names.includes(configName)) {
    throw new DataError({
      where: folder,
      expected: `a model's folder, with ${configName} and ${singleName}`,
      got: names.length === 0 ? 'an empty folder or none' : `one without ${configName}`,
      fix: 'config.json is written last: a model whose writing was interrupted has none.',
    });
  }
  const { value } = await readJsonObject(configFile, 'a config', limits);
  const { type, config, metadata } = value;
  if (typeof type !== 'string' || type === '') {
    throw new DataError({
      where: configFile,
      expected: 'type to be a word that names the kind of model',
      got: quote(type),
      fix: 'It was not written by writeModel. Checkpoints of others are imported.',
    });
  }
  if (config === undefined) throw new DataError({ where: configFile, expected: 'config', got: 'none' });
  if (metadata !== undefined && !isStrings(metadata)) {
    throw new DataError({ where: configFile, expected: 'metadata of strings by name', got: quote(metadata) });
  }
  if (!names.includes(singleName) && !names.includes(indexName)) {
    throw new DataError({ where: folder, expected: `${singleName} or ${indexName}`, got: 'neither' });
  }
  const opened = names.includes(singleName)
    ? await openSafetensors(join(folder, singleName))
    : await openShardedSafetensors(join(folder, indexName));
  return { ...opened, folder, type, config, metadata: metadata ?? opened.metadata };
}

function isStrings(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((item) => typeof item === 'string');
}
