import { parseOptions } from '@vitvq/core';
import type { CausalBlockOptions, DropoutRates, Activation } from '@vitvq/layers';
import type { GPTOptions } from './gpt-options.js';
import type { SequenceEmbeddingOptions, TokenPositions } from './internal/sequence-embedding.js';
import { gptSchema, orderFreeSchema, rqTransformerSchema } from './internal/transformer-schema.js';
import type { OrderFreeOptions } from './order-free-options.js';
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
  readonly mlpDim: number;
  readonly useMlpBias: boolean;
  readonly useAttentionBias: boolean;
  readonly useTimeMixing: boolean;
  readonly activation: Activation;
  readonly dropout: Required<DropoutRates>;
}

/**
 * Everything of a `GPT` but its weights: `new GPT({ ...model.config, key })` is one of the same
 * kind.
 */
export interface GPTConfig extends SharedConfig {
  readonly depth: number;
  readonly numHeads: number;
}

/** Everything of a `MaskedTransformer` or an `AnyOrderTransformer` but its weights. */
export type OrderFreeConfig = Omit<GPTConfig, 'useTimeMixing'>;

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
export function gptConfig({ depth, numHeads, ...options }: Omit<GPTOptions, 'key'>): GPTConfig {
  return parseOptions(gptSchema, { ...sharedConfig(options), depth, numHeads }, 'GPT');
}

/** The same for models without time mixing, which errors call `where`. */
export function orderFreeConfig(
  { depth, numHeads, ...options }: Omit<OrderFreeOptions, 'key'>,
  where: string,
): OrderFreeConfig {
  const { useTimeMixing: _none, ...shared } = sharedConfig(options);
  return parseOptions(orderFreeSchema, { ...shared, depth, numHeads }, where);
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
  mlpDim = 4 * dim,
  useMlpBias = true,
  useAttentionBias = true,
  useTimeMixing = true,
  activation = 'squared-relu',
  dropout = {},
}: Omit<SequenceEmbeddingOptions, 'key'> & Omit<CausalBlockOptions, 'key' | 'numHeads'>): SharedConfig {
  return {
    vocabSize,
    grid,
    ...(conditionVocabSize !== undefined && { conditionVocabSize }),
    conditionLength,
    dim,
    positions,
    mlpDim,
    useMlpBias,
    useAttentionBias,
    useTimeMixing,
    activation,
    dropout: { residual: 0, activation: 0, attention: 0, ...dropout },
  };
}
