import { ConfigError, DataError } from '@vitvq/core';
import type { ModelDescription } from '../model-description.js';
import { assertJson } from './assert-json.js';
import { isObject, type JsonObject, type JsonObjectLimits } from './json-object.js';
import { configName, indexName, singleName } from './model-names.js';
import { quote } from './scan-json.js';

/** Description of a config.json in errors. */
export const configNoun = 'a config';

/** Bounds of config.json: the vocabulary of a text tokenizer fits, weights do not. */
export const configLimits: JsonObjectLimits = { maximumBytes: 32 * 2 ** 20, maximumDepth: 64 };

/**
 * Returns the bytes of config.json.
 * @param where  name of the caller
 * @throws {ConfigError} when the type is empty or `config` holds what JSON cannot
 */
export function encodeModelConfig(
  { type, config, metadata }: ModelDescription,
  where: string,
): Uint8Array<ArrayBuffer> {
  if (typeof type !== 'string' || type === '') {
    throw new ConfigError({ where, expected: 'type to be a word', got: quote(type) });
  }
  assertJson(config, 'config', where);
  return new TextEncoder().encode(`${JSON.stringify({ type, config, metadata }, undefined, 2)}\n`);
}

/** Validates config.json, except `config`. @throws {DataError} naming the file and the problem */
export function parseModelConfig({ value }: JsonObject, where: string): ModelDescription {
  const { type, config, metadata } = value;
  if (typeof type !== 'string' || type === '') {
    throw new DataError({
      where,
      expected: 'type to be a word that names the kind of model',
      got: quote(type),
      fix: 'It was not written by writeModel. Checkpoints of others are imported.',
    });
  }
  if (config === undefined) throw new DataError({ where, expected: 'config', got: 'none' });
  if (metadata !== undefined && !isStrings(metadata)) {
    throw new DataError({ where, expected: 'metadata of strings by name', got: quote(metadata) });
  }
  return { type, config, metadata };
}

/**
 * Returns the file that holds the tensors of a model folder or lists the files that hold them.
 * @param names  names of all files of the folder
 * @throws {DataError} naming the folder when config.json or the tensors are missing
 */
export function tensorFileOf(names: readonly string[], folder: string): typeof singleName | typeof indexName {
  if (!names.includes(configName)) {
    throw new DataError({
      where: folder,
      expected: `a model's folder, with ${configName} and ${singleName}`,
      got: names.length === 0 ? 'an empty folder or none' : `one without ${configName}`,
      fix: 'config.json is written last: a model whose writing was interrupted has none.',
    });
  }
  if (names.includes(singleName)) return singleName;
  if (names.includes(indexName)) return indexName;
  throw new DataError({ where: folder, expected: `${singleName} or ${indexName}`, got: 'neither' });
}

function isStrings(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((item) => typeof item === 'string');
}
