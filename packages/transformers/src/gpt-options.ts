import { type OptionTable } from '@vitvq/core';
import type { CausalTransformerOptions } from '@vitvq/layers';
import type { ConditionOptions } from './condition-options.js';
import type { SequenceEmbeddingOptions } from './internal/sequence-embedding.js';

/** Sizes and choices of a `GPT`. */
export type GPTOptions = SequenceEmbeddingOptions & CausalTransformerOptions & ConditionOptions;

/** Names of the options {@link GPTOptions}. */
export const gptOptionNames: OptionTable<GPTOptions> = {
  vocabSize: 'required',
  grid: 'required',
  conditionVocabSize: 'optional',
  conditionLength: 'optional',
  conditionAttention: 'optional',
  conditionPadding: 'optional',
  positions: 'optional',
  rotaryConditions: 'optional',
  key: 'required',
  dim: 'required',
  useAttentionBias: 'optional',
  useTimeMixing: 'optional',
  queryKeyNorm: 'optional',
  normEpsilon: 'optional',
  dropout: 'optional',
  norm: 'optional',
  normPlacement: 'optional',
  feedForward: 'optional',
  mlpDim: 'optional',
  useMlpBias: 'optional',
  activation: 'optional',
  depth: 'required',
  numHeads: 'required',
};
