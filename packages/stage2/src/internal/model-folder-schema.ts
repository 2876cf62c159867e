import { z } from 'zod';
import type { ConditionerConfig } from '../conditioners/conditioner-config.js';
import type { GPTConfig, RQTransformerConfig } from '../transformer-config.js';

/** What builds the conditioner; `given`: it must be given and say the same of itself, for the folder does not hold it. */
export type FolderConditioner =
  ConditionerConfig | { readonly kind: 'given'; readonly description: Readonly<Record<string, unknown>> };

/** The `config` of a model folder of stage 2. */
export interface FolderConfig<Model> {
  readonly model: Model;
  readonly conditioner: FolderConditioner;
}

/** Not `z.int()`, at whose problems zod stops: here all have to be told. */
const integer = (minimum: number): z.ZodNumber =>
  z.number().refine((value) => Number.isSafeInteger(value) && value >= minimum, {
    error: `expected an integer of at least ${minimum}`,
  });
const positive = integer(1);
const rate = z.number().min(0).lt(1);

const shared = {
  vocabSize: positive,
  grid: z.tuple([positive, positive]).readonly(),
  conditionVocabSize: positive.optional(),
  conditionLength: positive,
  dim: positive,
  positions: z.enum(['sequence', 'grid']),
  mlpDim: positive,
  useMlpBias: z.boolean(),
  useAttentionBias: z.boolean(),
  useTimeMixing: z.boolean(),
  activation: z.enum(['squared-relu', 'gelu']),
  dropout: z.strictObject({ residual: rate, activation: rate, attention: rate }),
};

const stack = z.strictObject({ depth: positive, numHeads: positive });

/** An equal share of `dim` goes to each head. */
const multipleOf = (name: string): { path: string[]; error: string } => ({
  path: ['dim'],
  error: `expected a multiple of ${name}`,
});

const gpt = z
  .strictObject({ ...shared, depth: positive, numHeads: positive })
  .refine(({ dim, numHeads }) => dim % numHeads === 0, multipleOf('numHeads'));

const rqTransformer = z
  .strictObject({ ...shared, levels: integer(2), spatial: stack, depth: stack })
  .refine(({ dim, spatial }) => dim % spatial.numHeads === 0, multipleOf('spatial.numHeads'))
  .refine(({ dim, depth }) => dim % depth.numHeads === 0, multipleOf('depth.numHeads'));

const conditioner = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('unconditional') }),
  z
    .strictObject({ kind: z.literal('class'), classCount: positive, classNames: z.array(z.string()).optional() })
    .refine(({ classCount, classNames }) => !classNames || classNames.length === classCount, {
      path: ['classNames'],
      error: 'expected classCount names',
    }),
  z.strictObject({ kind: z.literal('text'), length: positive, tokenizer: z.record(z.string(), z.unknown()) }),
  z.strictObject({ kind: z.literal('given'), description: z.record(z.string(), z.unknown()) }),
]);

/** The `config` of a folder of type `gpt`. */
export const gptFolderSchema = z.strictObject({ model: gpt, conditioner }) satisfies z.ZodType<FolderConfig<GPTConfig>>;

/** The `config` of a folder of type `rq-transformer`. */
export const rqTransformerFolderSchema = z.strictObject({ model: rqTransformer, conditioner }) satisfies z.ZodType<
  FolderConfig<RQTransformerConfig>
>;
