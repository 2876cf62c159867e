import { type OptionTable } from '@vitvq/core';
import type { ConditionOptions } from './condition-options.js';
import type { GPTOptions } from './gpt-options.js';

/** Positions that are added to token vectors, for models that read tokens in any order. */
export type AddedPositions = (typeof addedPositionNames)[number];

/** Every {@link AddedPositions}, for schemas of configs. */
export const addedPositionNames = ['sequence', 'grid'] as const;

/**
 * From features to logits: `linear` is one dense layer without a bias, and `tied` BERT's
 * (arXiv:1810.04805): a dense layer with the activation of the feed-forward parts, a norm, the
 * product with the vectors of the tokens, and a bias for each token.
 */
export type HeadKind = (typeof headNames)[number];

/** Every {@link HeadKind}, for schemas of configs. */
export const headNames = ['linear', 'tied'] as const;

/**
 * Sizes and choices of a `MaskedTransformer` or an `AnyOrderTransformer`: those of a `GPT` but time
 * mixing, which needs to know the token before, rotary positions, and how conditions see each
 * other.
 */
export type OrderFreeOptions = Omit<
  GPTOptions,
  keyof ConditionOptions | 'useTimeMixing' | 'rotaryConditions' | 'positions'
> & {
  /** @default 'sequence' */
  readonly positions?: AddedPositions;
  /** `tied` needs feed-forward parts of `mlp`, whose activation it has. @default 'linear' */
  readonly head?: HeadKind;
};

/** Names of the options {@link OrderFreeOptions}. */
export const orderFreeOptionNames: OptionTable<OrderFreeOptions> = {
  vocabSize: 'required',
  grid: 'required',
  conditionVocabSize: 'optional',
  conditionLength: 'optional',
  positions: 'optional',
  key: 'required',
  dim: 'required',
  useAttentionBias: 'optional',
  head: 'optional',
  norm: 'optional',
  normPlacement: 'optional',
  normEpsilon: 'optional',
  feedForward: 'optional',
  queryKeyNorm: 'optional',
  dropout: 'optional',
  mlpDim: 'optional',
  useMlpBias: 'optional',
  activation: 'optional',
  depth: 'required',
  numHeads: 'required',
};
