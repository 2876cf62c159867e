import { ConfigError, parseOptions, type RandomKey } from '@vitvq/core';
import {
  activationNames,
  feedForwardNames,
  normNames,
  normPlacementNames,
  rotaryConditionNames,
  type Activation,
  type DropoutRates,
  type FeedForwardKind,
  type Norm,
  type NormPlacement,
  type RotaryConditions,
} from '@vitvq/layers';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { AnyOrderTransformer } from './any-order-transformer.js';
import { conditionAttentionNames, conditionPaddingNames, type ConditionOptions } from './condition-options.js';
import { GPT } from './gpt.js';
import { tokenPositionNames, type TokenPositions } from './internal/sequence-embedding.js';
import { assertEffective, positiveInteger } from './internal/transformer-schema.js';
import { MaskedTransformer } from './masked-transformer.js';
import { addedPositionNames, headNames, type AddedPositions, type HeadKind } from './order-free-options.js';
import type { RAROptions } from './rar-config.js';
import { RAR } from './rar.js';
import { RQTransformer } from './rq-transformer.js';
import type { StackConfig } from './transformer-config.js';

/** Sizes and choices that both kinds of transformers have. */
interface SharedSize {
  /** Width of a token. */
  readonly dim: number;
  /** @default 'layer' */
  readonly norm?: Norm;
  /** @default 'pre' */
  readonly normPlacement?: NormPlacement;
  /** @default 1e-5 */
  readonly normEpsilon?: number;
  /** @default 'mlp' */
  readonly feedForward?: FeedForwardKind;
  /** @default 4 dim; 8/3 dim for `swiglu` */
  readonly mlpDim?: number;
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
  /** @default none */
  readonly queryKeyNorm?: Norm;
  /** Not with `swiglu`. @default 'squared-relu' */
  readonly activation?: Activation;
  /** @default no dropout */
  readonly dropout?: DropoutRates;
}

/** What models of raster order have beside {@link SharedSize}. */
interface RasterSize extends SharedSize {
  /** @default 'sequence' */
  readonly positions?: TokenPositions;
  /** With positions `rotary` alone. @default 'unrotated' */
  readonly rotaryConditions?: RotaryConditions;
  /** @default true */
  readonly useTimeMixing?: boolean;
}

/** A `GPT` by name, for a config: everything but what the tokenizer and the conditions decide. */
export interface GPTSize extends RasterSize, StackConfig, ConditionOptions {
  readonly kind: 'gpt';
}

/** What masked and any-order models have in common. */
interface OrderFreeSize extends SharedSize, StackConfig {
  /** @default 'sequence' */
  readonly positions?: AddedPositions;
  /** `tied` not with `swiglu`. @default 'linear' */
  readonly head?: HeadKind;
}

/** A `MaskedTransformer` by name: it fills in unknown tokens, many at a time. */
export interface MaskedTransformerSize extends OrderFreeSize {
  readonly kind: 'masked';
}

/** An `AnyOrderTransformer` by name: it predicts tokens in any order, one or several at a time. */
export interface AnyOrderTransformerSize extends OrderFreeSize {
  readonly kind: 'any-order';
}

/** An `RQTransformer` by name; it takes tokens of two levels or more. */
export interface RQTransformerSize extends RasterSize {
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
export type TransformerSize = GPTSize | RQTransformerSize | RARSize | MaskedTransformerSize | AnyOrderTransformerSize;

/** Transformer of any kind of this package. */
export type AnyTransformer = GPT | RQTransformer | RAR | MaskedTransformer | AnyOrderTransformer;

const rate = z.number().min(0).lt(1).optional();
const dropout = z.strictObject({ residual: rate, activation: rate, attention: rate });
const shared = {
  dim: positiveInteger,
  mlpDim: positiveInteger.optional(),
  norm: z.enum(normNames).optional(),
  normPlacement: z.enum(normPlacementNames).optional(),
  normEpsilon: z.number().gt(0).optional(),
  feedForward: z.enum(feedForwardNames).optional(),
  positionScale: z.number().gt(0).optional(),
  useMlpBias: z.boolean().optional(),
  useAttentionBias: z.boolean().optional(),
  queryKeyNorm: z.enum(normNames).optional(),
  activation: z.enum(activationNames).optional(),
  dropout: dropout.optional(),
};
const stack = z.strictObject({ depth: positiveInteger, numHeads: positiveInteger });
/** What only models of raster order have. */
const ofOrder = {
  positions: z.enum(tokenPositionNames).optional(),
  rotaryConditions: z.enum(rotaryConditionNames).optional(),
  useTimeMixing: z.boolean().optional(),
};
const orderFree = {
  ...shared,
  ...stack.shape,
  positions: z.enum(addedPositionNames).optional(),
  head: z.enum(headNames).optional(),
};

/** Schema of {@link TransformerSize}; unknown keys are problems. */
export const transformerSizeSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('gpt'),
      ...shared,
      ...ofOrder,
      ...stack.shape,
      conditionAttention: z.enum(conditionAttentionNames).optional(),
      conditionPadding: z.enum(conditionPaddingNames).optional(),
    }),
    z.strictObject({ kind: z.literal('rq-transformer'), ...shared, ...ofOrder, spatial: stack, depth: stack }),
    z.strictObject({
      kind: z.literal('rar'),
      ...stack.shape,
      dim: positiveInteger,
      mlpDim: positiveInteger.optional(),
      dropout: dropout.optional(),
    }),
    z.strictObject({ kind: z.literal('masked'), ...orderFree }),
    z.strictObject({ kind: z.literal('any-order'), ...orderFree }),
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
          ? 'kind gpt, rar, masked or any-order for tokens of one code'
          : `kind rq-transformer for tokens of ${codeDepth} codes`,
      got: parsed.kind,
    });
  }
  const { positionScale = 1 } = 'positionScale' in parsed ? parsed : {};
  const model = build(parsed, rest, codeDepth);
  if (positionScale !== 1) scalePositions(model, positionScale);
  return model;
}

function build(size: TransformerSize, fit: Omit<TransformerFit, 'codeDepth'>, codeDepth: number): AnyTransformer {
  switch (size.kind) {
    case 'gpt':
      return new GPT({ ...optionsOf(size), ...fit });
    case 'rq-transformer':
      return new RQTransformer({ ...optionsOf(size), ...fit, codeDepth });
    case 'rar':
      return new RAR({ ...optionsOf(size), ...fit });
    case 'masked':
      return new MaskedTransformer({ ...optionsOf(size), ...fit });
    case 'any-order':
      return new AnyOrderTransformer({ ...optionsOf(size), ...fit });
  }
}

/** Returns what of a config is an option of the model. */
function optionsOf<S extends { readonly kind: string; readonly positionScale?: number }>({
  kind: _kind,
  positionScale: _scale,
  ...options
}: S): Omit<S, 'kind' | 'positionScale'> {
  return options;
}

function scalePositions(model: AnyTransformer, scale: number): void {
  tf.tidy(() => {
    for (const [name, variable] of model.namedVariables()) {
      if (/positions$/i.test(name)) variable.assign(tf.mul(variable, scale));
    }
  });
}
