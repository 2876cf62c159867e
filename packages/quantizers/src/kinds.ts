import { ConfigError, parseOptions } from '@vitvq/core';
import type { RandomKey, ReferenceWeight } from '@vitvq/core';
import { groupedKind } from './grouped-quantizer.js';
import { singleCodeKinds } from './internal/single-code-kinds.js';
import { klKind } from './kl-bottleneck.js';
import { productKind } from './product-quantizer.js';
import {
  buildQuantizer,
  quantizerSchema,
  type ConfigOf,
  type QuantizerKinds,
  type QuantizerOf,
} from './quantizer-kind.js';
import { residualKind } from './residual-quantizer.js';

/** Kinds of quantizers of this package, by the `kind` of their configs. */
export const quantizerKinds = {
  ...singleCodeKinds,
  residual: residualKind,
  grouped: groupedKind,
  product: productKind,
} as const satisfies QuantizerKinds;

/** Kinds of quantizers of this package, as a type. */
export type BuiltInQuantizerKinds = typeof quantizerKinds;

/** Kinds of this package: those of quantizers, and those whose latents are no codes. */
export const bottleneckKinds = { ...quantizerKinds, kl: klKind } as const satisfies QuantizerKinds;

/** Kinds of this package, as a type. */
export type BuiltInBottleneckKinds = typeof bottleneckKinds;

/** Quantizer, or another bottleneck, as data that JSON holds, of the kinds `K`. */
export type QuantizerConfig<K extends QuantizerKinds = BuiltInQuantizerKinds> = ConfigOf<K>;

/** Class of the quantizer that a config builds. */
export type ConfiguredQuantizer<
  C extends { readonly kind: string } = QuantizerConfig,
  K extends QuantizerKinds = BuiltInBottleneckKinds,
> = QuantizerOf<K, C>;

/**
 * Builds the quantizer of a config of this package's kinds.
 * @param key  draws the first codes
 * @throws {ConfigError} naming every problem of the config at once
 */
export function createQuantizer<C extends QuantizerConfig<BuiltInBottleneckKinds>>(
  config: C,
  key: RandomKey,
): ConfiguredQuantizer<C>;
/**
 * Builds the quantizer of a config of the kinds `kinds`, such as `{ ...bottleneckKinds, mine }`.
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
  kinds: QuantizerKinds = bottleneckKinds,
): unknown {
  return buildQuantizer(parseOptions(quantizerSchema(kinds), config, 'createQuantizer'), key, kinds);
}

/**
 * Returns where the PyTorch reference keeps the weights of a config's quantizer.
 * @param where  where the config comes from, for the message
 * @throws {ConfigError} where the reference has no such quantizer
 */
export function quantizerReferenceWeights(
  config: QuantizerConfig<BuiltInBottleneckKinds>,
  where: string,
): ReferenceWeight[] {
  const kind: QuantizerKinds[string] = bottleneckKinds[config.kind];
  const weights = kind.referenceWeights?.(config);
  if (weights) return weights;
  throw new ConfigError({ where, expected: 'a quantizer that the reference has', got: JSON.stringify(config) });
}
