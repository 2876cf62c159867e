import { ConfigError, parseOptions } from '@vitvq/core';
import type { RandomKey, ReferenceWeight } from '@vitvq/core';
import { groupedKind } from './grouped-quantizer.js';
import { singleCodeKinds } from './internal/single-code-kinds.js';
import { productKind } from './product-quantizer.js';
import {
  buildQuantizer,
  quantizerSchema,
  type ConfigOf,
  type QuantizerKinds,
  type QuantizerOf,
} from './quantizer-kind.js';
import { residualKind } from './residual-quantizer.js';

/** Kinds of this package, by the `kind` of their configs. */
export const quantizerKinds = {
  ...singleCodeKinds,
  residual: residualKind,
  grouped: groupedKind,
  product: productKind,
} as const satisfies QuantizerKinds;

/** Kinds of this package, as a type. */
export type BuiltInQuantizerKinds = typeof quantizerKinds;

/** Quantizer as data that JSON holds, of the kinds `K`. */
export type QuantizerConfig<K extends QuantizerKinds = BuiltInQuantizerKinds> = ConfigOf<K>;

/** Class of the quantizer that a config builds. */
export type ConfiguredQuantizer<
  C extends { readonly kind: string } = QuantizerConfig,
  K extends QuantizerKinds = BuiltInQuantizerKinds,
> = QuantizerOf<K, C>;

/**
 * Builds the quantizer of a config of this package's kinds.
 * @param key  draws the first codes
 * @throws {ConfigError} naming every problem of the config at once
 */
export function createQuantizer<C extends QuantizerConfig>(config: C, key: RandomKey): ConfiguredQuantizer<C>;
/**
 * Builds the quantizer of a config of the kinds `kinds`, for example `{ ...quantizerKinds, mine }`.
 * @throws {ConfigError} naming every problem of the config at once
 */
export function createQuantizer<K extends QuantizerKinds, C extends QuantizerConfig<K>>(
  config: C,
  key: RandomKey,
  kinds: K,
): ConfiguredQuantizer<C, K>;
export function createQuantizer(
  config: { readonly kind: string },
  key: RandomKey,
  kinds: QuantizerKinds = quantizerKinds,
): unknown {
  return buildQuantizer(parseOptions(quantizerSchema(kinds), config, 'createQuantizer'), key, kinds);
}

/**
 * Returns where the PyTorch reference keeps the weights of a config's quantizer.
 * @param where  where the config comes from, for the message
 * @throws {ConfigError} where the reference has no such quantizer
 */
export function quantizerReferenceWeights(config: QuantizerConfig, where: string): ReferenceWeight[] {
  const kind: QuantizerKinds[string] = quantizerKinds[config.kind];
  const weights = kind.referenceWeights?.(config);
  if (weights) return weights;
  throw new ConfigError({ where, expected: 'a quantizer that the reference has', got: JSON.stringify(config) });
}
