import { ConfigError } from '@vitvq/core';
import { parse } from 'yaml';
import { isConfigObject, mergeConfigs, type ConfigObject, type ConfigValue } from './merge-config.js';

/** Sections of a run that have trainings of their own. */
const stages = ['tokenizer', 'transformer', 'classifier'] as const;

/**
 * Returns a config with one field set, as `--set path=value` asks for it.
 *
 * The path is dotted, and the value is read as YAML: `0.1`, `true`, `null`, `[1, 2]`,
 * `{ kind: folder, path: photos }`. A path within a stage may leave out the stage where the config
 * has only one that fits: `training.batchSize` means `tokenizer.training.batchSize` in a run
 * without a transformer.
 * @throws {ConfigError} for a text that is no `path=value`, and for a path of two stages
 */
export function withOverride(config: ConfigObject, override: string): ConfigObject {
  const where = `--set ${override}`;
  const at = override.indexOf('=');
  const path = override.slice(0, Math.max(at, 0)).trim().split('.');
  if (at < 1 || path.some((name) => name === '')) {
    throw new ConfigError({ where, expected: 'path=value, such as training.batchSize=64', got: override });
  }
  const value = parseValue(override.slice(at + 1), where);
  const nested = placeOf(path, config, where).reduceRight<ConfigValue>((inner, name) => ({ [name]: inner }), value);
  return mergeConfigs(config, nested) as ConfigObject;
}

function parseValue(text: string, where: string): ConfigValue {
  try {
    return parse(text) as ConfigValue;
  } catch (error) {
    throw new ConfigError({ where, expected: 'a value as YAML writes it', got: (error as Error).message });
  }
}

/** @throws {ConfigError} */
function placeOf(path: readonly string[], config: ConfigObject, where: string): readonly string[] {
  const [first, second] = path as [string, string?];
  if (!['model', 'training', 'condition', 'codes'].includes(first) || first in config) return path;
  const fitting = stages.filter((stage) => {
    const section = config[stage];
    return isConfigObject(section) && isConfigObject(section[first]);
  });
  // Where both stages have the section, the field itself may tell.
  const exact = fitting.filter((stage) => {
    const section = (config[stage] as ConfigObject)[first] as ConfigObject;
    return second !== undefined && second in section;
  });
  const chosen = fitting.length === 1 ? fitting : exact;
  if (chosen.length === 1) return [chosen[0]!, ...path];
  if (fitting.length === 0) return path;
  throw new ConfigError({
    where,
    expected: `${fitting.map((stage) => `${stage}.${path.join('.')}`).join(' or ')}`,
    got: `${path.join('.')}, which several stages of this run have`,
  });
}
