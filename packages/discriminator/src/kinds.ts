import { maximumSize, parseOptions, checkOptions } from '@vitvq/core';
import type { Discriminator, RandomKey, ReferenceWeight } from '@vitvq/core';
import { z } from 'zod';
import { PatchDiscriminator, patchDiscriminatorReferenceWeights } from './patch-discriminator.js';
import {
  StyleDiscriminator,
  styleDiscriminatorChannels,
  styleDiscriminatorReferenceWeights,
  type StyleDiscriminatorOptions,
} from './style-discriminator.js';

/** Row of a discriminator that a config can ask for. */
interface Kind<S extends z.ZodType, D extends Discriminator> {
  /** Schema of the config; it fills in the defaults. */
  readonly schema: S;
  /** Creates the discriminator of a config. */
  readonly create: (config: z.output<S>, key: RandomKey) => D;
  /** Returns the names and layouts of the variables in the PyTorch reference. */
  readonly referenceWeights: (config: z.output<S>) => ReferenceWeight[];
}

function row<S extends z.ZodType, D extends Discriminator>(kind: Kind<S, D>): Kind<S, D> {
  return kind;
}

const count = z.int().min(1).max(maximumSize);

const styleSchema = z.strictObject({
  kind: z.literal('style'),
  size: z.union([count, z.tuple([count, count])], { error: 'expected a size or [height, width] in pixels' }),
  inChannels: count.default(3),
  channels: z.strictObject({ multiplier: count.default(2), width: count.default(512) }).prefault({}),
  blurKernel: z
    .union([z.array(z.number()), z.array(z.array(z.number()))], {
      error: 'expected the taps of a blur along one axis, or rows of a two-dimensional kernel',
    })
    .default([1, 3, 3, 1]),
  stddevGroup: count.default(4),
});

const patchSchema = z.strictObject({
  kind: z.literal('patch'),
  inChannels: count.default(3),
  baseChannels: count.default(64),
  depth: count.default(3),
  normalization: z.enum(['batch-norm', 'act-norm']).default('batch-norm'),
});

function styleOptions(config: z.output<typeof styleSchema>): Omit<StyleDiscriminatorOptions, 'key'> {
  const { channels, size, inChannels, blurKernel, stddevGroup } = config;
  return { size, inChannels, blurKernel, stddevGroup, channels: styleDiscriminatorChannels(channels) };
}

/** Discriminators that a config reaches by name: one row a kind. */
export const discriminatorKinds = {
  style: row({
    schema: styleSchema,
    create: (config, key) => new StyleDiscriminator({ ...styleOptions(config), key }),
    referenceWeights: (config) => styleDiscriminatorReferenceWeights(styleOptions(config)),
  }),
  patch: row({
    schema: patchSchema,
    create: (config, key) => new PatchDiscriminator({ ...config, key }),
    referenceWeights: patchDiscriminatorReferenceWeights,
  }),
};

type Kinds = typeof discriminatorKinds;
type Schema = Kinds[keyof Kinds]['schema'];

/** Config of a discriminator, as data that JSON holds. */
export type DiscriminatorConfig = z.input<Schema>;

/** Discriminator that a config can ask for. */
export type ConfiguredDiscriminator = ReturnType<Kinds[keyof Kinds]['create']>;

/** Schema of {@link DiscriminatorConfig}; it fills in the defaults. */
export const discriminatorSchema = z.discriminatedUnion(
  'kind',
  Object.values(discriminatorKinds).map(({ schema }) => schema) as unknown as readonly [Schema, ...Schema[]],
);

/**
 * Creates the discriminator of a config. Its caller disposes of it.
 * @throws {ConfigError} that lists every problem of the config
 */
export function createDiscriminator(
  config: DiscriminatorConfig,
  options: { readonly key: RandomKey },
): ConfiguredDiscriminator {
  const { key } = checkOptions(options, { key: 'required' }, 'createDiscriminator');
  const parsed = parseOptions(discriminatorSchema, config, 'createDiscriminator');
  // TypeScript does not see that the row of a kind takes the configs of that kind.
  const { create } = discriminatorKinds[parsed.kind] as Kind<z.ZodType, ConfiguredDiscriminator>;
  return create(parsed, key);
}

/**
 * Returns the names and layouts that the variables of a config's discriminator have in the PyTorch
 * reference.
 * @throws {ConfigError} that lists every problem of the config
 */
export function discriminatorReferenceWeights(config: DiscriminatorConfig): ReferenceWeight[] {
  const parsed = parseOptions(discriminatorSchema, config, 'discriminatorReferenceWeights');
  const { referenceWeights } = discriminatorKinds[parsed.kind] as Kind<z.ZodType, ConfiguredDiscriminator>;
  return referenceWeights(parsed);
}
