import type { Bottleneck, RandomKey, ReferenceWeight } from '@vitvq/core';
import { z } from 'zod';

/** Row of a table of kinds: what a config of this kind looks like, and what it builds. */
export interface QuantizerKind<S extends z.ZodObject = z.ZodObject, Q extends Bottleneck = Bottleneck> {
  /** Schema of a config without its `kind`. Unknown keys are problems where it is strict. */
  readonly schema: S;
  /** Builds the quantizer of a config that was checked; `key` draws its first codes. */
  create(config: z.output<S>, key: RandomKey): Q;
  /**
   * Returns where the PyTorch reference keeps the weights; undefined for a config that the
   * reference does not have.
   */
  referenceWeights?(config: z.output<S>): ReferenceWeight[] | undefined;
}

/** Kinds by the `kind` of their configs. */
export type QuantizerKinds = Readonly<Record<string, QuantizerKind>>;

/** Quantizer as data that JSON holds: `kind`, and what the kind's schema asks for. */
export type ConfigOf<K extends QuantizerKinds> = {
  [T in keyof K & string]: { readonly kind: T } & Readonly<z.input<K[T]['schema']>>;
}[keyof K & string];

/** Class of the quantizer that a config of the kinds `K` builds. */
export type QuantizerOf<K extends QuantizerKinds, Config extends { readonly kind: string }> = ReturnType<
  K[Config['kind'] & keyof K]['create']
>;

/** Returns the schema of the configs of all kinds. */
export function quantizerSchema<K extends QuantizerKinds>(kinds: K): z.ZodType<ConfigOf<K>, ConfigOf<K>> {
  const schemas = Object.entries(kinds).map(([kind, { schema }]) => schema.safeExtend({ kind: z.literal(kind) }));
  const union = z.discriminatedUnion('kind', schemas as [z.ZodObject<{ kind: z.ZodLiteral<string> }>]);
  return union as unknown as z.ZodType<ConfigOf<K>, ConfigOf<K>>;
}

/** Builds the quantizer of a config that was checked. */
export function buildQuantizer<K extends QuantizerKinds, C extends ConfigOf<K>>(
  config: C,
  key: RandomKey,
  kinds: K,
): QuantizerOf<K, C> {
  const { kind, ...rest } = config as { readonly kind: string };
  return kinds[kind]!.create(rest, key) as QuantizerOf<K, C>;
}
