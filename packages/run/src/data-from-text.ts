import { statSync } from 'node:fs';
import { ConfigError, DataError, parseOptions } from '@vitvq/core';
import { dataSourceSchema, type DataSourceConfig } from '@vitvq/data';
import { readText } from '@vitvq/files';
import { parseDocument } from 'yaml';

/** Splits of CIFAR-10. */
type Split = 'train' | 'test';

const maximumBytes = 2 ** 20;

/**
 * Returns the source of images that a short text names, as `--data` takes it: a folder of images;
 * `cifar10`, `cifar10:train` or `cifar10:test`; a file (`.yaml`, `.yml`, `.json`) with the config
 * of a source; or such a config itself: `{ kind: folder, path: photos }`.
 * @param split  of `cifar10` without a split
 * @throws {ConfigError} for a text that names no source, and every problem of a config
 * @throws {DataError} when a file cannot be read
 */
export async function dataFromText(text: string, split: Split = 'test'): Promise<DataSourceConfig> {
  const [name, part = split] = text.split(':') as [string, string?];
  if (name === 'cifar10') return parseOptions(dataSourceSchema, { kind: 'cifar10', split: part }, `--data ${text}`);
  if (text.trimStart().startsWith('{')) return parseSource(text, '--data');
  const found = statSync(text, { throwIfNoEntry: false });
  if (found?.isDirectory()) return { kind: 'folder', path: text };
  if (found?.isFile() && /\.(ya?ml|json)$/i.test(text)) {
    return parseSource(await readText(text, 'the config of a source of images', maximumBytes), text);
  }
  throw new ConfigError({
    where: `--data ${text}`,
    expected: 'a folder of images, cifar10, a .yaml or .json file with the config of a source, or { kind: ... }',
    got: found ? 'a file of another kind' : 'nothing of that name',
  });
}

function parseSource(text: string, where: string): DataSourceConfig {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem) throw new DataError({ where, expected: 'YAML or JSON', got: problem.message });
  return parseOptions(dataSourceSchema, document.toJS({ maxAliasCount: 100 }), where);
}
