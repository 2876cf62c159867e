import { statSync } from 'node:fs';
import { dirname, extname, isAbsolute, resolve } from 'node:path';
import { ConfigError, DataError, parseOptions } from '@vitvq/core';
import type { DataSourceConfig } from '@vitvq/data';
import { readText } from '@vitvq/files';
import { parseDocument, stringify } from 'yaml';
import {
  classifierRunConfigSchema,
  type ClassifierRunConfig,
  type ResolvedClassifierRunConfig,
} from './classifier-run-config.js';
import { isConfigObject, mergeConfigs, type ConfigObject, type ConfigValue } from './merge-config.js';
import { withOverride } from './overrides.js';
import { runConfigSchema, type ResolvedRunConfig, type RunConfig } from './run-config.js';
import { shippedFile } from './shipped-file.js';

/** Options of {@link readRunConfig}. */
export interface ReadRunConfigOptions {
  /** Fields to set, as `--set` takes them: `training.batchSize=64`. @default none */
  readonly set?: readonly string[];
  /** Part of a config that is laid over that of the file, before `set`. @default none */
  readonly changes?: ConfigObject;
  /**
   * Images to train on instead of those of the config; what is measured on and probed is part of
   * them. @default those of the config
   */
  readonly data?: DataSourceConfig;
}

/** Files of a config are small; a larger one is something else. */
const maximumBytes = 2 ** 20;

/** Longest chain of `extends`. */
const maximumDepth = 16;

/** Where a config comes from that a program made. */
const defaultPlace = 'the config of the run';

const extensions = ['.yaml', '.yml', '.json', '.ts', '.mts', '.js', '.mjs'];

/**
 * Reads the config of a run from a YAML, JSON, TypeScript or JavaScript file, with everything that
 * it extends, and fills in the defaults.
 *
 * `extends` names a file, relative to the one that names it, or a config that is shipped
 * (`quickstart`), or a list of them, each laid over those before it. A TypeScript or JavaScript
 * file exports the config as `default`; it is a program, and reading runs it. Relative paths of
 * data are relative to the current folder.
 * @param source  path of a file, or name of a config that is shipped
 * @throws {DataError} when a file cannot be read or is not what its name says
 * @throws {ConfigError} naming every problem at once, unknown names with the nearest right one
 */
export async function readRunConfig(source: string, options: ReadRunConfigOptions = {}): Promise<ResolvedRunConfig> {
  return resolveRunConfig(await readMerged(source, options), source);
}

/**
 * Reads the config of a run of any kind, as {@link readRunConfig} does: one with a section
 * `classifier` trains a classifier, any other one a tokenizer and what stands on it.
 * @throws {DataError} when a file cannot be read or is not what its name says
 * @throws {ConfigError} naming every problem at once, unknown names with the nearest right one
 */
export async function readAnyRunConfig(
  source: string,
  options: ReadRunConfigOptions = {},
): Promise<ResolvedRunConfig | ResolvedClassifierRunConfig> {
  const config = await readMerged(source, options);
  return isOfClassifier(config) ? resolveClassifierRunConfig(config, source) : resolveRunConfig(config, source);
}

/** Returns whether a config is that of a run which trains a classifier. */
export function isOfClassifier(config: object): config is ClassifierRunConfig {
  return 'classifier' in config;
}

/** Returns the config of a file with what it extends and what is laid over it, not yet checked. */
async function readMerged(source: string, options: ReadRunConfigOptions): Promise<ConfigObject> {
  const { set = [], changes = {}, data } = options;
  const raw = mergeConfigs(await readRaw(source, process.cwd(), []), changes) as ConfigObject;
  return set.reduce(withOverride, data === undefined ? raw : withData(raw, data));
}

/**
 * Checks a config and fills in its defaults.
 * @param where  where the config comes from, for messages
 * @throws {ConfigError} naming every problem at once, unknown names with the nearest right one
 */
export function resolveRunConfig(config: RunConfig | ConfigObject, where = defaultPlace): ResolvedRunConfig {
  if (isOfClassifier(config)) {
    throw new ConfigError({
      where,
      expected: 'the config of a run with a tokenizer',
      got: 'one with a classifier',
      fix: 'vitvq train trains it; loadClassifier of @vitvq/classifier/node loads what it leaves.',
    });
  }
  return parseOptions(runConfigSchema, config, where);
}

/**
 * Checks the config of a run that trains a classifier, and fills in its defaults.
 * @param where  where the config comes from, for messages
 * @throws {ConfigError} naming every problem at once, unknown names with the nearest right one
 */
export function resolveClassifierRunConfig(
  config: ClassifierRunConfig | ConfigObject,
  where = defaultPlace,
): ResolvedClassifierRunConfig {
  return parseOptions(classifierRunConfigSchema, config, where);
}

/** Returns a config with other images to train on, of which what it measures on is a part. */
function withData(config: ConfigObject, train: DataSourceConfig): ConfigObject {
  const { data } = config;
  const { heldOut, keptForProbe } = isConfigObject(data) ? data : {};
  const kept = { ...(heldOut !== undefined && { heldOut }), ...(keptForProbe !== undefined && { keptForProbe }) };
  return { ...config, data: { ...kept, train: { ...train } as ConfigObject } };
}

/** Returns a config as YAML, with all of its defaults. */
export function formatRunConfig(config: ResolvedRunConfig | ResolvedClassifierRunConfig): string {
  return stringify(config).trimEnd();
}

/** Returns the config of a file laid over those that it extends. */
async function readRaw(source: string, directory: string, chain: readonly string[]): Promise<ConfigObject> {
  const file = fileOf(source, directory);
  if (chain.includes(file) || chain.length >= maximumDepth) {
    throw new ConfigError({
      where: file,
      expected: 'configs that do not extend themselves',
      got: [...chain, file].join(' -> '),
    });
  }
  const content = await readContent(file);
  if (!isConfigObject(content)) {
    throw new DataError({
      where: file,
      expected: 'an object with the config of a run',
      got: JSON.stringify(content) ?? 'nothing',
    });
  }
  const { extends: bases = [], $schema: _schema, ...own } = content;
  const names = Array.isArray(bases) ? (bases as readonly ConfigValue[]) : [bases];
  let merged: ConfigValue = {};
  for (const name of names) {
    if (typeof name !== 'string') {
      throw new ConfigError({
        where: file,
        expected: 'extends to be the name of a config, or a list of names',
        got: JSON.stringify(bases),
      });
    }
    merged = mergeConfigs(merged, await readRaw(name, dirname(file), [...chain, file]));
  }
  return mergeConfigs(merged, own) as ConfigObject;
}

/** @throws {DataError} when there is no such file and no shipped config of that name */
function fileOf(source: string, directory: string): string {
  const path = isAbsolute(source) ? source : resolve(directory, source);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() || extname(source) !== '') return path;
  const shipped = /^[a-z0-9/-]+$/.test(source) ? shippedFile(`${source}.yaml`) : undefined;
  if (shipped !== undefined) return shipped;
  throw new DataError({
    where: path,
    expected: `a config (${extensions.join(', ')}), or the name of one that is shipped, such as quickstart`,
    got: 'no such file',
  });
}

/** @throws {DataError} */
async function readContent(file: string): Promise<unknown> {
  const extension = extname(file).toLowerCase();
  if (['.ts', '.mts', '.js', '.mjs'].includes(extension)) return importConfig(file);
  if (!['.yaml', '.yml', '.json'].includes(extension)) {
    throw new DataError({ where: file, expected: `a config that ends in ${extensions.join(', ')}`, got: extension });
  }
  const text = await readText(file, 'a config', maximumBytes);
  // JSON is YAML, and the errors of the YAML parser show the line.
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = document.errors;
  if (problem) throw new DataError({ where: file, expected: 'a config in YAML or JSON', got: problem.message });
  return document.toJS({ maxAliasCount: 100 });
}

/** @throws {DataError} when the program fails */
async function importConfig(file: string): Promise<unknown> {
  const { createJiti } = await import('jiti');
  try {
    return await createJiti(import.meta.url).import(file, { default: true });
  } catch (error) {
    throw new DataError(
      { where: file, expected: 'a program that exports a config as default', got: (error as Error).message },
      { cause: error },
    );
  }
}
