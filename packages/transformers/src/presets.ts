import type { CausalTransformerOptions } from '@vitvq/layers';
import type { SequenceEmbeddingOptions } from './internal/sequence-embedding.js';

/** A named size: everything of a `GPT` but its vocabularies, grid and random key. */
export type TransformerPreset = Omit<CausalTransformerOptions, 'key'> & Pick<SequenceEmbeddingOptions, 'positions'>;

/**
 * What the paper says of both (arXiv:2110.04627, sec. 4): causal attention without time mixing, 2-D
 * positions, dropout 0.1 of residuals, activations and attention. It does not name the activation
 * of the feed-forward part; exact GELU stands here.
 */
const paper = {
  positions: 'grid',
  useTimeMixing: false,
  activation: 'gelu',
  dropout: { residual: 0.1, activation: 0.1, attention: 0.1 },
} as const;

/**
 * VIM-Base (Table 2): width 1536. The reference's configuration takes the hidden width 6144 for the
 * width by mistake.
 */
export const VIM_BASE = {
  ...paper,
  dim: 1536,
  mlpDim: 6144,
  depth: 24,
  numHeads: 16,
} as const satisfies TransformerPreset;

/** VIM-Large (Table 2). */
export const VIM_LARGE = {
  ...paper,
  dim: 2048,
  mlpDim: 8192,
  depth: 36,
  numHeads: 32,
} as const satisfies TransformerPreset;
