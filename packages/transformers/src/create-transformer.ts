import { ConfigError, parseOptions, type RandomKey } from '@vitvq/core';
import { activationNames, type Activation, type DropoutRates } from '@vitvq/layers';
import * as tf from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { AnyOrderTransformer } from './any-order-transformer.js';
import { GPT } from './gpt.js';
import type { TokenPositions } from './internal/sequence-embedding.js';
import { positiveInteger } from './internal/transformer-schema.js';
import { MaskedTransformer } from './masked-transformer.js';
import { RQTransformer } from './rq-transformer.js';
import type { StackConfig } from './transformer-config.js';

/** Sizes and choices that both kinds of transformers have. */
interface SharedSize {
  /** Width of a token. */
  readonly dim: number;
  /** @default 4 dim */
  readonly mlpDim?: number;
  /** @default 'sequence' */
  readonly positions?: TokenPositions;
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
  /** @default 'squared-relu' */
  readonly activation?: Activation;
  /** @default no dropout */
  readonly dropout?: DropoutRates;
}

/** What the models of one code a position have in common. */
interface SingleStackSize extends SharedSize {
  readonly depth: number;
  readonly numHeads: number;
}

/** A `GPT` by name, for a config: everything but what the tokenizer and the conditions decide. */
export interface GPTSize extends SingleStackSize {
  readonly kind: 'gpt';
  /** @default true */
  readonly useTimeMixing?: boolean;
}

/** A `MaskedTransformer` by name: it fills in unknown tokens, many at a time. */
export interface MaskedTransformerSize extends SingleStackSize {
  readonly kind: 'masked';
}

/** An `AnyOrderTransformer` by name: it predicts tokens in any order, one or several at a time. */
export interface AnyOrderTransformerSize extends SingleStackSize {
  readonly kind: 'any-order';
}

/** An `RQTransformer` by name; it takes tokens of two levels or more. */
export interface RQTransformerSize extends SharedSize {
  readonly kind: 'rq-transformer';
  /** The transformer over positions. */
  readonly spatial: StackConfig;
  /** The transformer over the codes of one position. */
  readonly depth: StackConfig;
  /** @default true */
  readonly useTimeMixing?: boolean;
}

/** Transformer of any kind as data that JSON holds. */
export type TransformerSize = GPTSize | RQTransformerSize | MaskedTransformerSize | AnyOrderTransformerSize;

/** Transformer of any kind of this package. */
export type AnyTransformer = GPT | RQTransformer | MaskedTransformer | AnyOrderTransformer;

const rate = z.number().min(0).lt(1).optional();
const shared = {
  dim: positiveInteger,
  mlpDim: positiveInteger.optional(),
  positions: z.enum(['sequence', 'grid']).optional(),
  positionScale: z.number().gt(0).optional(),
  useMlpBias: z.boolean().optional(),
  useAttentionBias: z.boolean().optional(),
  activation: z.enum(activationNames).optional(),
  dropout: z.strictObject({ residual: rate, activation: rate, attention: rate }).optional(),
};
const useTimeMixing = z.boolean().optional();
const stack = z.strictObject({ depth: positiveInteger, numHeads: positiveInteger });
const singleStack = { ...shared, ...stack.shape };

/** Schema of {@link TransformerSize}; unknown keys are problems. */
export const transformerSizeSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('gpt'), ...singleStack, useTimeMixing }),
  z.strictObject({ kind: z.literal('rq-transformer'), ...shared, spatial: stack, depth: stack, useTimeMixing }),
  z.strictObject({ kind: z.literal('masked'), ...singleStack }),
  z.strictObject({ kind: z.literal('any-order'), ...singleStack }),
]);

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

/** What a kind is built from: options of the config, and what tokens and conditions decide. */
type Given<Size> = Omit<Size, 'kind' | 'positionScale'> & Omit<TransformerFit, 'codeDepth'>;

/**
 * Builds the transformer of a config.
 * @throws {ConfigError} naming every problem of the config at once, and for a kind that does not
 *   take tokens of so many levels
 */
export function createTransformer(size: TransformerSize, fit: TransformerFit): AnyTransformer {
  const { positionScale = 1, ...options } = parseOptions(transformerSizeSchema, size, 'createTransformer');
  const { codeDepth = 1, ...rest } = fit;
  const takesLevels = options.kind === 'rq-transformer';
  if (takesLevels !== codeDepth > 1) {
    const singles = transformerSizeSchema.options.flatMap(({ shape: { kind } }) =>
      kind.value === 'rq-transformer' ? [] : [kind.value],
    );
    throw new ConfigError({
      where: 'createTransformer',
      expected:
        codeDepth === 1
          ? `kind ${singles.join(', ')} for tokens of one code`
          : `kind rq-transformer for tokens of ${codeDepth} codes`,
      got: options.kind,
    });
  }
  const model = build({ ...options, ...rest } as Given<TransformerSize> & { kind: TransformerSize['kind'] }, codeDepth);
  if (positionScale !== 1) scalePositions(model, positionScale);
  return model;
}

function build(
  { kind, ...given }: Given<TransformerSize> & { kind: TransformerSize['kind'] },
  codeDepth: number,
): AnyTransformer {
  switch (kind) {
    case 'gpt':
      return new GPT(given as Given<GPTSize>);
    case 'rq-transformer':
      return new RQTransformer({ ...(given as Given<RQTransformerSize>), codeDepth });
    case 'masked':
      return new MaskedTransformer(given as Given<MaskedTransformerSize>);
    case 'any-order':
      return new AnyOrderTransformer(given as Given<AnyOrderTransformerSize>);
  }
}

function scalePositions(model: AnyTransformer, scale: number): void {
  tf.tidy(() => {
    for (const [name, variable] of model.namedVariables()) {
      if (/positions$/i.test(name)) variable.assign(tf.mul(variable, scale));
    }
  });
}
