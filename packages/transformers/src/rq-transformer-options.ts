import { type OptionTable } from '@vitvq/core';
import type { CausalTransformerOptions } from '@vitvq/layers';
import { gptOptionNames } from './gpt-options.js';
import type { SequenceEmbeddingOptions } from './internal/sequence-embedding.js';

/** Blocks and heads of one of the two transformers. */
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

const {
  depth: _depth,
  numHeads: _numHeads,
  conditionAttention: _attention,
  conditionPadding: _padding,
  ...sharedOptionNames
} = gptOptionNames;

/** Names of the options {@link RQTransformerOptions}: a GPT's, with a size for each stack. */
export const rqTransformerOptionNames: OptionTable<RQTransformerOptions> = {
  ...sharedOptionNames,
  codeDepth: 'required',
  spatial: 'required',
  depth: 'required',
};
