import { z } from 'zod';
import type { ConditionerConfig } from '../conditioners/conditioner-config.js';
import type { RARConfig } from '../rar-config.js';
import type { GPTConfig, OrderFreeConfig, RQTransformerConfig } from '../transformer-config.js';
import { gptSchema, orderFreeSchema, positiveInteger, rarSchema, rqTransformerSchema } from './transformer-schema.js';

/**
 * What builds the conditioner; `given`: it must be given and say the same of itself, for the folder
 * does not hold it.
 */
export type FolderConditioner =
  ConditionerConfig | { readonly kind: 'given'; readonly description: Readonly<Record<string, unknown>> };

/** The `config` of a model folder of stage 2. */
export interface FolderConfig<Model> {
  readonly model: Model;
  readonly conditioner: FolderConditioner;
}

const conditioner = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('unconditional') }),
  z
    .strictObject({ kind: z.literal('class'), classCount: positiveInteger, classNames: z.array(z.string()).optional() })
    .refine(({ classCount, classNames }) => !classNames || classNames.length === classCount, {
      path: ['classNames'],
      error: 'expected classCount names',
    }),
  z.strictObject({ kind: z.literal('text'), length: positiveInteger, tokenizer: z.record(z.string(), z.unknown()) }),
  z.strictObject({
    kind: z.literal('captions'),
    length: positiveInteger,
    captionDim: positiveInteger,
    dim: positiveInteger,
  }),
  z.strictObject({ kind: z.literal('given'), description: z.record(z.string(), z.unknown()) }),
]);

/** The `config` of a folder of type `gpt`. */
export const gptFolderSchema = z.strictObject({ model: gptSchema, conditioner }) satisfies z.ZodType<
  FolderConfig<GPTConfig>
>;

/** The `config` of a folder of type `rq-transformer`. */
export const rqTransformerFolderSchema = z.strictObject({
  model: rqTransformerSchema,
  conditioner,
}) satisfies z.ZodType<FolderConfig<RQTransformerConfig>>;

/** The `config` of a folder of type `masked` or `any-order`. */
export const orderFreeFolderSchema = z.strictObject({
  model: orderFreeSchema,
  conditioner,
}) satisfies z.ZodType<FolderConfig<OrderFreeConfig>>;
/** The `config` of a folder of type `rar`. */
export const rarFolderSchema = z.strictObject({ model: rarSchema, conditioner }) satisfies z.ZodType<
  FolderConfig<RARConfig>
>;
