import { parseOptions } from '@vitvq/core';
import {
  defaultMlpDim,
  defaultNormEpsilon,
  type Activation,
  type CausalBlockOptions,
  type DropoutRates,
  type FeedForwardKind,
  type Norm,
  type NormPlacement,
  type RotaryConditions,
} from '@vitvq/layers';
import type { ConditionOptions } from './condition-options.js';
import type { GPTOptions } from './gpt-options.js';
import type { SequenceEmbeddingOptions, TokenPositions } from './internal/sequence-embedding.js';
import { gptSchema, orderFreeSchema, rqTransformerSchema } from './internal/transformer-schema.js';
import type { AddedPositions, HeadKind, OrderFreeOptions } from './order-free-options.js';
import type { RQTransformerOptions } from './rq-transformer-options.js';

/**
 * What both transformers have, with its defaults; see their options for what each means. JSON holds
 * it.
 */
interface SharedConfig {
  readonly vocabSize: number;
  readonly grid: readonly [number, number];
  /** Left out where conditions come as embeddings. */
  readonly conditionVocabSize?: number;
  readonly conditionLength: number;
  readonly dim: number;
  readonly positions: TokenPositions;
  /** Of rotary positions alone. */
  readonly rotaryConditions?: RotaryConditions;
  readonly norm: Norm;
  readonly normPlacement: NormPlacement;
  readonly normEpsilon: number;
  readonly feedForward: FeedForwardKind;
  readonly mlpDim: number;
  readonly useMlpBias: boolean;
  readonly useAttentionBias: boolean;
  readonly useTimeMixing: boolean;
  /** Left out where queries and keys have no norm. */
  readonly queryKeyNorm?: Norm;
  /** Left out with SwiGLU. */
  readonly activation?: Activation;
  readonly dropout: Required<DropoutRates>;
}

/**
 * Everything of a `GPT` but its weights: `new GPT({ ...model.config, key })` is one of the same
 * kind. `conditionAttention` and `conditionPadding` are left out where they are the defaults.
 */
export interface GPTConfig extends SharedConfig, ConditionOptions {
  readonly depth: number;
  readonly numHeads: number;
}

/** Everything of a `MaskedTransformer` or an `AnyOrderTransformer` but its weights. */
export type OrderFreeConfig = Omit<
  GPTConfig,
  keyof ConditionOptions | 'useTimeMixing' | 'rotaryConditions' | 'positions'
> & {
  readonly positions: AddedPositions;
  readonly head: HeadKind;
};

/** Everything of an `RQTransformer` but its weights. */
export interface RQTransformerConfig extends SharedConfig {
  readonly codeDepth: number;
  readonly spatial: StackConfig;
  readonly depth: StackConfig;
}

/** One of the two transformers of an `RQTransformer`. */
export interface StackConfig {
  readonly depth: number;
  readonly numHeads: number;
}

/**
 * Options with their defaults; what else may stand in them is left out.
 * @throws {ConfigError} naming every problem at once
 */
export function gptConfig({
  depth,
  numHeads,
  conditionAttention = 'full',
  conditionPadding = 'none',
  ...options
}: Omit<GPTOptions, 'key'>): GPTConfig {
  const config = {
    ...sharedConfig(options),
    ...(conditionAttention !== 'full' && { conditionAttention }),
    ...(conditionPadding !== 'none' && { conditionPadding }),
    depth,
    numHeads,
  };
  return parseOptions(gptSchema, config, 'GPT');
}

/** The same for models without time mixing, which errors call `where`. */
export function orderFreeConfig(
  { depth, numHeads, head = 'linear', ...options }: Omit<OrderFreeOptions, 'key'>,
  where: string,
): OrderFreeConfig {
  const { useTimeMixing: _time, rotaryConditions: _rotary, ...shared } = sharedConfig(options);
  return parseOptions(orderFreeSchema, { ...shared, depth, numHeads, head }, where);
}

/** The same for an `RQTransformer`. @throws {ConfigError} naming every problem at once */
export function rqTransformerConfig({
  codeDepth,
  spatial,
  depth,
  ...options
}: Omit<RQTransformerOptions, 'key'>): RQTransformerConfig {
  const stack = ({ depth: blocks, numHeads }: StackConfig): StackConfig => ({ depth: blocks, numHeads });
  return parseOptions(
    rqTransformerSchema,
    { ...sharedConfig(options), codeDepth, spatial: stack(spatial), depth: stack(depth) },
    'RQTransformer',
  );
}

function sharedConfig({
  vocabSize,
  grid,
  conditionVocabSize,
  conditionLength = 1,
  dim,
  positions = 'sequence',
  rotaryConditions = positions === 'rotary' ? 'unrotated' : undefined,
  norm = 'layer',
  normPlacement = 'pre',
  normEpsilon = defaultNormEpsilon,
  feedForward = 'mlp',
  mlpDim = defaultMlpDim(dim, feedForward),
  useMlpBias = true,
  useAttentionBias = true,
  useTimeMixing = true,
  queryKeyNorm,
  activation = feedForward === 'swiglu' ? undefined : 'squared-relu',
  dropout = {},
}: Omit<SequenceEmbeddingOptions, 'key'> & Omit<CausalBlockOptions, 'key' | 'numHeads'>): SharedConfig {
  return {
    vocabSize,
    grid,
    ...(conditionVocabSize !== undefined && { conditionVocabSize }),
    conditionLength,
    dim,
    positions,
    ...(rotaryConditions !== undefined && { rotaryConditions }),
    norm,
    normPlacement,
    normEpsilon,
    feedForward,
    mlpDim,
    useMlpBias,
    useAttentionBias,
    useTimeMixing,
    ...(queryKeyNorm !== undefined && { queryKeyNorm }),
    ...(activation !== undefined && { activation }),
    dropout: { residual: 0, activation: 0, attention: 0, ...dropout },
  };
}
