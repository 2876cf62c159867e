import { type OptionTable } from '@vitvq/core';
import type { GPTOptions } from './gpt-options.js';

/**
 * Sizes and choices of a `MaskedTransformer` or an `AnyOrderTransformer`: those of a `GPT` but time
 * mixing, which needs to know the token before.
 */
export type OrderFreeOptions = Omit<GPTOptions, 'useTimeMixing'>;

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
  dropout: 'optional',
  mlpDim: 'optional',
  useMlpBias: 'optional',
  activation: 'optional',
  depth: 'required',
  numHeads: 'required',
};
