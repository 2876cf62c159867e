import { maximumSize } from '@vitvq/core';
import {
  activationNames,
  defaultNormEpsilon,
  feedForwardNames,
  normNames,
  normPlacementNames,
  rotaryConditionNames,
} from '@vitvq/layers';
import { z } from 'zod';
import { conditionAttentionNames, conditionPaddingNames } from '../condition-options.js';
import { addedPositionNames, headNames } from '../order-free-options.js';
import { tokenPositionNames } from './sequence-embedding.js';

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
  positions: z.enum(tokenPositionNames),
  rotaryConditions: z.enum(rotaryConditionNames).optional(),
  // Folders of before these options lack them.
  norm: z.enum(normNames).default('layer'),
  normPlacement: z.enum(normPlacementNames).default('pre'),
  normEpsilon: z.number().gt(0).default(defaultNormEpsilon),
  feedForward: z.enum(feedForwardNames).default('mlp'),
  mlpDim: positiveInteger,
  useMlpBias: z.boolean(),
  useAttentionBias: z.boolean(),
  useTimeMixing: z.boolean(),
  queryKeyNorm: z.enum(normNames).optional(),
  activation: z.enum(activationNames).optional(),
  dropout: z.strictObject({ residual: rate, activation: rate, attention: rate }),
};

const stack = z.strictObject({ depth: positiveInteger, numHeads: positiveInteger });

/** An equal share of `dim` goes to each head. */
const multipleOf = (name: string): { path: string[]; error: string } => ({
  path: ['dim'],
  error: `expected a multiple of ${name}`,
});

/** Options that decide whether others have an effect. */
interface Choices {
  readonly positions?: string | undefined;
  readonly rotaryConditions?: string | undefined;
  readonly feedForward?: string | undefined;
  readonly activation?: string | undefined;
  readonly head?: string | undefined;
  readonly conditionVocabSize?: number | undefined;
  readonly conditionPadding?: string | undefined;
  readonly useTimeMixing?: boolean | undefined;
}

/** Adds a problem for each option that would have no effect, or lacks one, beside the others. */
export function assertEffective(
  {
    positions,
    rotaryConditions,
    feedForward,
    activation,
    head,
    conditionVocabSize,
    conditionPadding = 'none',
    useTimeMixing = true,
  }: Choices,
  context: z.RefinementCtx,
): void {
  if (rotaryConditions !== undefined && positions !== 'rotary') {
    context.addIssue({
      code: 'custom',
      path: ['rotaryConditions'],
      message: "expected none without positions 'rotary'",
    });
  }
  if (activation !== undefined && feedForward === 'swiglu') {
    context.addIssue({ code: 'custom', path: ['activation'], message: "expected none with feedForward 'swiglu'" });
  }
  if (head === 'tied' && feedForward === 'swiglu') {
    context.addIssue({
      code: 'custom',
      path: ['head'],
      message: "expected 'linear' with feedForward 'swiglu', which has no activation for a tied one",
    });
  }
  const unpaddable = [
    conditionVocabSize === undefined ? '' : 'with a conditionVocabSize, whose vectors are never zeros',
    useTimeMixing ? 'with useTimeMixing, which shows padding to what follows it' : '',
  ].filter(Boolean);
  if (conditionPadding !== 'none' && unpaddable.length > 0) {
    context.addIssue({
      code: 'custom',
      path: ['conditionPadding'],
      message: `expected 'none' ${unpaddable.join(', and ')}`,
    });
  }
}

/** Rotary positions turn two channels of each head by the row, and two by the column. */
const rotaryHeads = (name: string): { path: string[]; error: string } => ({
  path: ['dim'],
  error: `expected a multiple of 4 ${name} for rotary positions`,
});

/** Of a `GPTConfig`. */
export const gptSchema = z
  .strictObject({
    ...shared,
    conditionAttention: z.enum(conditionAttentionNames).optional(),
    conditionPadding: z.enum(conditionPaddingNames).optional(),
    depth: positiveInteger,
    numHeads: positiveInteger,
  })
  .superRefine(assertEffective)
  .refine(({ dim, numHeads }) => dim % numHeads === 0, multipleOf('numHeads'))
  .refine(
    ({ positions, dim, numHeads }) => positions !== 'rotary' || (dim / numHeads) % 4 === 0,
    rotaryHeads('numHeads'),
  );

const { useTimeMixing: _time, rotaryConditions: _rotary, ...orderFree } = shared;

/** Of an `OrderFreeConfig`. */
export const orderFreeSchema = z
  .strictObject({
    ...orderFree,
    ...stack.shape,
    positions: z.enum(addedPositionNames),
    head: z.enum(headNames).default('linear'),
  })
  .superRefine(assertEffective)
  .refine(({ dim, numHeads }) => dim % numHeads === 0, multipleOf('numHeads'));

/** Of an `RQTransformerConfig`. */
export const rqTransformerSchema = z
  .strictObject({ ...shared, codeDepth: integer(2), spatial: stack, depth: stack })
  .superRefine(assertEffective)
  .refine(({ dim, spatial }) => dim % spatial.numHeads === 0, multipleOf('spatial.numHeads'))
  .refine(({ dim, depth }) => dim % depth.numHeads === 0, multipleOf('depth.numHeads'))
  .refine(
    ({ positions, dim, spatial }) => positions !== 'rotary' || (dim / spatial.numHeads) % 4 === 0,
    rotaryHeads('spatial.numHeads'),
  );

/** Of a `RARConfig`. */
export const rarSchema = z
  .strictObject({
    vocabSize: positiveInteger,
    grid: shared.grid,
    conditionVocabSize: shared.conditionVocabSize,
    conditionLength: z.literal(1),
    dim: positiveInteger,
    depth: positiveInteger,
    numHeads: positiveInteger,
    mlpDim: positiveInteger,
    dropout: shared.dropout,
  })
  .refine(({ dim, numHeads }) => dim % numHeads === 0, multipleOf('numHeads'));
