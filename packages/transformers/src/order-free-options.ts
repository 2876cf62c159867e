import { type OptionTable } from '@vitvq/core';
import type { GPTOptions } from './gpt-options.js';

/** Positions that are added to token vectors, for models that read tokens in any order. */
export type AddedPositions = (typeof addedPositionNames)[number];

/** Every {@link AddedPositions}, for schemas of configs. */
export const addedPositionNames = ['sequence', 'grid'] as const;

/**
 * Sizes and choices of a `MaskedTransformer` or an `AnyOrderTransformer`: those of a `GPT` but time
 * mixing, which needs to know the token before, and rotary positions.
 */
export type OrderFreeOptions = Omit<GPTOptions, 'useTimeMixing' | 'rotaryConditions' | 'positions'> & {
  /** @default 'sequence' */
  readonly positions?: AddedPositions;
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
  norm: 'optional',
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
