/**
 * Which conditions a condition sees: `full`, all of them (the reference), or `causal`, itself and
 * those before it (LlamaGen, arXiv:2406.06525, for captions).
 */
export type ConditionAttention = (typeof conditionAttentionNames)[number];

/** Every {@link ConditionAttention}, for schemas of configs. */
export const conditionAttentionNames = ['full', 'causal'] as const;

/**
 * Which conditions are padding: `none`, or with `zero` those whose embedding is all zeros, which
 * nothing but the padding itself sees (LlamaGen, for captions of different lengths).
 */
export type ConditionPadding = (typeof conditionPaddingNames)[number];

/** Every {@link ConditionPadding}, for schemas of configs. */
export const conditionPaddingNames = ['none', 'zero'] as const;

/** How several conditions see each other. */
export interface ConditionOptions {
  /** @default 'full' */
  readonly conditionAttention?: ConditionAttention;
  /**
   * `zero` without time mixing and without a `conditionVocabSize`: a table has no vectors of zeros.
   * @default 'none'
   */
  readonly conditionPadding?: ConditionPadding;
}
