import { ConfigError, parseOptions, type RandomKey } from '@vitvq/core';
import {
  activationNames,
  feedForwardNames,
  normNames,
  rotaryConditionNames,
  type Activation,
  type DropoutRates,
  type FeedForwardKind,
  type Norm,
  type RotaryConditions,
} from '@vitvq/layers';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { GPT } from './gpt.js';
import type { RAROptions } from './rar-config.js';
import { RAR } from './rar.js';
import { tokenPositionNames, type TokenPositions } from './internal/sequence-embedding.js';
import { assertEffective, positiveInteger } from './internal/transformer-schema.js';
import { RQTransformer } from './rq-transformer.js';
import type { StackConfig } from './transformer-config.js';

/** Sizes and choices that both kinds of transformers have. */
interface SharedSize {
  /** Width of a token. */
  readonly dim: number;
  /** @default 'layer' */
  readonly norm?: Norm;
  /** @default 1e-5 */
  readonly normEpsilon?: number;
  /** @default 'mlp' */
  readonly feedForward?: FeedForwardKind;
  /** @default 4 dim; 8/3 dim for `swiglu` */
  readonly mlpDim?: number;
  /** @default 'sequence' */
  readonly positions?: TokenPositions;
  /** With positions `rotary` alone. @default 'unrotated' */
  readonly rotaryConditions?: RotaryConditions;
  /**
   * Factor of the positions' initial values. An RQTransformer starts them as U[0, 1), as in the
   * reference: far larger than its token vectors, N(0, 0.02²), which it takes long to hear. With
   * four levels of 256 codes it had 5.11 nats per token after 80 steps, the unigram entropy, and
   * with 0.02 here 4.76.
   * @default 1
   */
  readonly positionScale?: number;
  /** @default true */
  readonly useMlpBias?: boolean;
  /** @default true */
  readonly useAttentionBias?: boolean;
  /** @default true */
  readonly useTimeMixing?: boolean;
  /** @default none */
  readonly queryKeyNorm?: Norm;
  /** Not with `swiglu`. @default 'squared-relu' */
  readonly activation?: Activation;
  /** @default no dropout */
  readonly dropout?: DropoutRates;
}

/** A `GPT` by name, for a config: everything but what the tokenizer and the conditions decide. */
export interface GPTSize extends SharedSize {
  readonly kind: 'gpt';
  readonly depth: number;
  readonly numHeads: number;
}

/** An `RQTransformer` by name; it takes tokens of two levels or more. */
export interface RQTransformerSize extends SharedSize {
  readonly kind: 'rq-transformer';
  /** The transformer over positions. */
  readonly spatial: StackConfig;
  /** The transformer over the codes of one position. */
  readonly depth: StackConfig;
}

/** A `RAR` by name; it takes tokens of one code and one condition. */
export interface RARSize extends Omit<RAROptions, keyof TransformerFit> {
  readonly kind: 'rar';
}

/** Transformer of any kind as data that JSON holds. */
export type TransformerSize = GPTSize | RQTransformerSize | RARSize;

/** Transformer of any kind. */
export type AnyTransformer = GPT | RQTransformer | RAR;

const rate = z.number().min(0).lt(1).optional();
const dropout = z.strictObject({ residual: rate, activation: rate, attention: rate });
const shared = {
  dim: positiveInteger,
  mlpDim: positiveInteger.optional(),
  positions: z.enum(tokenPositionNames).optional(),
  rotaryConditions: z.enum(rotaryConditionNames).optional(),
  norm: z.enum(normNames).optional(),
  normEpsilon: z.number().gt(0).optional(),
  feedForward: z.enum(feedForwardNames).optional(),
  positionScale: z.number().gt(0).optional(),
  useMlpBias: z.boolean().optional(),
  useAttentionBias: z.boolean().optional(),
  useTimeMixing: z.boolean().optional(),
  queryKeyNorm: z.enum(normNames).optional(),
  activation: z.enum(activationNames).optional(),
  dropout: dropout.optional(),
};
const stack = z.strictObject({ depth: positiveInteger, numHeads: positiveInteger });

/** Schema of {@link TransformerSize}; unknown keys are problems. */
export const transformerSizeSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('gpt'), ...shared, depth: positiveInteger, numHeads: positiveInteger }),
    z.strictObject({ kind: z.literal('rq-transformer'), ...shared, spatial: stack, depth: stack }),
    z.strictObject({
      kind: z.literal('rar'),
      dim: positiveInteger,
      depth: positiveInteger,
      numHeads: positiveInteger,
      mlpDim: positiveInteger.optional(),
      dropout: dropout.optional(),
    }),
  ])
  .superRefine((size, context) => {
    if (size.kind !== 'rar') assertEffective(size, context);
  });

/** What the tokens and the conditions decide of a transformer. */
export interface TransformerFit {
  /** Number of codes to choose from. */
  readonly vocabSize: number;
  /** Rows and columns of tokens. */
  readonly grid: readonly [number, number];
  /** Codes a token; more than 1 with residual codes. @default 1 */
  readonly codeDepth?: number;
  /** Of the conditioner. */
  readonly conditionVocabSize?: number;
  /** Of the conditioner. @default 1 */
  readonly conditionLength?: number;
  readonly key: RandomKey;
}

/**
 * Builds the transformer of a config.
 * @throws {ConfigError} naming every problem of the config at once, and for a kind that does not
 *   take tokens of so many levels
 */
export function createTransformer(size: TransformerSize, fit: TransformerFit): AnyTransformer {
  const parsed = parseOptions(transformerSizeSchema, size, 'createTransformer') as TransformerSize;
  const { codeDepth = 1, ...rest } = fit;
  if ((parsed.kind !== 'rq-transformer') !== (codeDepth === 1)) {
    throw new ConfigError({
      where: 'createTransformer',
      expected:
        codeDepth === 1
          ? 'kind gpt or rar for tokens of one code'
          : `kind rq-transformer for tokens of ${codeDepth} codes`,
      got: parsed.kind,
    });
  }
  if (parsed.kind === 'rar') {
    const { kind: _, ...options } = parsed;
    return new RAR({ ...options, ...rest });
  }
  const { positionScale = 1 } = parsed;
  const model = parsed.kind === 'gpt' ? createGPT(parsed, rest) : createRQTransformer(parsed, { ...rest, codeDepth });
  if (positionScale !== 1) scalePositions(model, positionScale);
  return model;
}

function createGPT({ kind: _, positionScale: __, ...options }: GPTSize, fit: Omit<TransformerFit, 'codeDepth'>): GPT {
  return new GPT({ ...options, ...fit });
}

function createRQTransformer(
  { kind: _, positionScale: __, ...options }: RQTransformerSize,
  fit: TransformerFit & { readonly codeDepth: number },
): RQTransformer {
  return new RQTransformer({ ...options, ...fit });
}

function scalePositions(model: GPT | RQTransformer, scale: number): void {
  tf.tidy(() => {
    for (const [name, variable] of model.namedVariables()) {
      if (/positions$/i.test(name)) variable.assign(tf.mul(variable, scale));
    }
  });
}
