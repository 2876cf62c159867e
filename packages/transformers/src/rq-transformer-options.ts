import { type OptionTable } from '@vitvq/core';
import type { CausalTransformerOptions } from '@vitvq/layers';
import type { SequenceEmbeddingOptions } from './internal/sequence-embedding.js';

/** Blocks and heads of one of the two transformers.
 */
type StackSize = Pick<CausalTransformerOptions, 'depth' | 'numHeads'>;

/**
 * Sizes and choices of an `RQTransformer`. Options outside `spatial` and `depth` hold for both
 * transformers.
 */
export type RQTransformerOptions = SequenceEmbeddingOptions &
  Omit<CausalTransformerOptions, keyof StackSize> & {
    /** Codes a token; at least 2. */
    readonly codeDepth: number;
    /** The transformer over positions. */
    readonly spatial: StackSize;
    /** The transformer over the codes of one position. */
    readonly depth: StackSize;
  };

/** Names of the options {@link RQTransformerOptions}. */
export const rqTransformerOptionNames: OptionTable<RQTransformerOptions> = {
  vocabSize: 'required',
  grid: 'required',
  conditionVocabSize: 'optional',
  conditionLength: 'optional',
  positions: 'optional',
  key: 'required',
  dim: 'required',
  useAttentionBias: 'optional',
  useTimeMixing: 'optional',
  dropout: 'optional',
  mlpDim: 'optional',
  useMlpBias: 'optional',
  activation: 'optional',
  codeDepth: 'required',
  spatial: 'required',
  depth: 'required',
};
