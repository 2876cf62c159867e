import { ConfigError, parseOptions, randomKey, type RandomKey } from '@vitvq/core';
import type { QuantizerKinds } from '@vitvq/quantizers';
import type { TokenizerConfig } from '../tokenizer-config.js';
import type { VQTokenizer } from '../vq-tokenizer.js';
import type { Architecture } from './architecture.js';
import { architectures } from './architectures.js';
import { integer } from './config-schemas.js';

/**
 * Builds the tokenizer of a config from anywhere.
 * @param random  the seed of the weights, or a key such as the one of `skipInitialization`
 * @param where  where the config comes from, for messages
 * @throws {ConfigError} naming every problem of config and seed at once
 */
export function buildTokenizer(
  config: unknown,
  random: number | RandomKey,
  where: string,
  quantizers: QuantizerKinds,
): VQTokenizer {
  const architecture = architectureOf(config, where);
  const isSeed = typeof random === 'number';
  const seed = isSeed ? random : 0;
  const schema = architecture.schema(quantizers, { seed: integer(0, Number.MAX_SAFE_INTEGER) });
  const checked = parseOptions(schema, { ...(config as object), seed }, where);
  return architecture.create(checked, isSeed ? randomKey(seed) : random, quantizers, where);
}

/** @throws {ConfigError} for a config of no architecture of the table */
function architectureOf(config: unknown, where: string): Architecture {
  const name = (config as { readonly architecture?: unknown } | null | undefined)?.architecture;
  if (isArchitecture(name)) return architectures[name];
  throw new ConfigError({
    where,
    expected: `architecture to be ${Object.keys(architectures).join(' or ')}`,
    got: JSON.stringify(name) ?? 'none',
  });
}

function isArchitecture(name: unknown): name is TokenizerConfig['architecture'] {
  return typeof name === 'string' && Object.hasOwn(architectures, name);
}
