import { z } from 'zod';
import { split, type RandomKey } from '@vitvq/core';
import { GumbelQuantizer, ResidualQuantizer, VectorQuantizer } from '@vitvq/quantizers';
import { areValid, integer, positive } from './internal/config-schemas.js';

/** One code a token, the nearest: `VectorQuantizer` of @vitvq/quantizers. */
export interface VectorQuantizerConfig {
  readonly type: 'vector';
}

/** L codes a token, each the nearest to what the ones before left over: `ResidualQuantizer` of `VectorQuantizer`s. */
export interface ResidualQuantizerConfig {
  readonly type: 'residual';
  /** L, 2 to 256. */
  readonly levels: number;
  /** Whether levels share one codebook, as in the reference, or have their own. @default 'shared' */
  readonly codebooks?: 'shared' | 'separate';
}

/** One code a token, drawn in training: `GumbelQuantizer` of @vitvq/quantizers. */
export interface GumbelQuantizerConfig {
  readonly type: 'gumbel';
  /** Where a training's plan gives none; above 0. @default 1 */
  readonly temperature?: number;
}

export type QuantizerConfig = VectorQuantizerConfig | ResidualQuantizerConfig | GumbelQuantizerConfig;

/** What a {@link QuantizerConfig} builds. */
export type ConfiguredQuantizer = VectorQuantizer | ResidualQuantizer | GumbelQuantizer;

/** How a tokenizer turns features into codes, as data. */
export interface QuantizationConfig {
  /** K. */
  readonly codebookSize: number;
  /** E, the width of the space where codes are looked up. */
  readonly codeDim: number;
  /** @default { type: 'vector' } */
  readonly quantizer?: QuantizerConfig;
  /** Weight of the commitment term; a Gumbel quantizer has none. @default 0.25 */
  readonly beta?: number;
  /** Whether features and codes are l2-normalised before they are compared. @default true */
  readonly normalize?: boolean;
  /** Whether a vector quantizer counts the use of its codes in training, which reviving dead ones needs. @default false */
  readonly trackUsage?: boolean;
}

/** Far beyond any use: levels that share a codebook take no weights, so that no file bounds their number. */
const maximumLevels = 256;

const quantizerSchema = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('vector') }),
    z.strictObject({
      type: z.literal('residual'),
      levels: integer(2).refine((levels) => !(levels > maximumLevels), {
        error: `expected at most ${maximumLevels} levels`,
      }),
      codebooks: z.enum(['shared', 'separate']).optional(),
    }),
    z.strictObject({ type: z.literal('gumbel'), temperature: z.number().gt(0).optional() }),
  ])
  .optional();

/** Options of {@link QuantizationConfig}, for the schema of a tokenizer. */
export const quantizationShape = {
  codebookSize: integer(2),
  codeDim: positive,
  quantizer: quantizerSchema,
  beta: z.number().min(0).optional(),
  normalize: z.boolean().optional(),
  trackUsage: z.boolean().optional(),
};

/** Adds what the options of {@link QuantizationConfig} ask of each other. */
export function withQuantizationChecks<S extends z.ZodType<QuantizationConfig>>(schema: S): S {
  return schema
    .refine(({ quantizer, beta }: QuantizationConfig) => quantizer?.type !== 'gumbel' || beta === undefined, {
      ...areValid({ quantizer: quantizerSchema }),
      path: ['beta'],
      error: 'a Gumbel quantizer has no commitment term',
    })
    .refine(
      ({ quantizer, trackUsage }: QuantizationConfig) => !trackUsage || (quantizer?.type ?? 'vector') === 'vector',
      {
        ...areValid({ quantizer: quantizerSchema }),
        path: ['trackUsage'],
        error: "only a quantizer of type 'vector' revives codes",
      },
    );
}

/** Builds the quantizer of a config that has been checked. */
export function createQuantizer(
  { quantizer = { type: 'vector' }, codebookSize, codeDim, beta, normalize, trackUsage }: QuantizationConfig,
  key: RandomKey,
): ConfiguredQuantizer {
  const vector = (codebookKey: RandomKey): VectorQuantizer =>
    new VectorQuantizer({ codebookSize, codeDim, beta, normalize, trackUsage, key: codebookKey });
  switch (quantizer.type) {
    case 'vector':
      return vector(key);
    case 'residual': {
      const { levels, codebooks = 'shared' } = quantizer;
      if (codebooks === 'shared') return new ResidualQuantizer({ quantizer: vector(key), levels });
      return new ResidualQuantizer({ quantizers: split(key, levels).map(vector) });
    }
    case 'gumbel':
      return new GumbelQuantizer({ codebookSize, codeDim, normalize, temperature: quantizer.temperature, key });
  }
}
