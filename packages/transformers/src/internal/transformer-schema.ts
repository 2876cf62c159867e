import { maximumSize } from '@vitvq/core';
import { activationNames } from '@vitvq/layers';
import { z } from 'zod';

/** Not `z.int()`, at whose problems zod stops: here all have to be told. */
const integer = (minimum: number): z.ZodNumber =>
  z.number().refine((value) => Number.isInteger(value) && value >= minimum && value <= maximumSize, {
    error: ({ input }) => {
      const isLarge = typeof input === 'number' && input > maximumSize;
      return `expected an integer of ${isLarge ? `at most ${maximumSize}` : `at least ${minimum}`}`;
    },
  });
/** Accepts sizes: integers from 1 to 2^31 - 1. */
export const positiveInteger = integer(1);
const rate = z.number().min(0).lt(1);

const shared = {
  vocabSize: positiveInteger,
  grid: z.tuple([positiveInteger, positiveInteger]).readonly(),
  conditionVocabSize: positiveInteger.optional(),
  conditionLength: positiveInteger,
  dim: positiveInteger,
  positions: z.enum(['sequence', 'grid']),
  mlpDim: positiveInteger,
  useMlpBias: z.boolean(),
  useAttentionBias: z.boolean(),
  useTimeMixing: z.boolean(),
  activation: z.enum(activationNames),
  dropout: z.strictObject({ residual: rate, activation: rate, attention: rate }),
};

const stack = z.strictObject({ depth: positiveInteger, numHeads: positiveInteger });

/** An equal share of `dim` goes to each head. */
const multipleOf = (name: string): { path: string[]; error: string } => ({
  path: ['dim'],
  error: `expected a multiple of ${name}`,
});

/** Of a `GPTConfig`. */
export const gptSchema = z
  .strictObject({ ...shared, depth: positiveInteger, numHeads: positiveInteger })
  .refine(({ dim, numHeads }) => dim % numHeads === 0, multipleOf('numHeads'));

const { useTimeMixing: _none, ...orderFree } = shared;

/** Of an `OrderFreeConfig`. */
export const orderFreeSchema = z
  .strictObject({ ...orderFree, depth: positiveInteger, numHeads: positiveInteger })
  .refine(({ dim, numHeads }) => dim % numHeads === 0, multipleOf('numHeads'));

/** Of an `RQTransformerConfig`. */
export const rqTransformerSchema = z
  .strictObject({ ...shared, codeDepth: integer(2), spatial: stack, depth: stack })
  .refine(({ dim, spatial }) => dim % spatial.numHeads === 0, multipleOf('spatial.numHeads'))
  .refine(({ dim, depth }) => dim % depth.numHeads === 0, multipleOf('depth.numHeads'));
