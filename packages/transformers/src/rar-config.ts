import { parseOptions, type OptionTable, type RandomKey } from '@vitvq/core';
import type { DropoutRates } from '@vitvq/layers';
import { rarSchema } from './internal/transformer-schema.js';

/** Options of a `RAR`. */
export interface RAROptions {
  /** Number of image tokens to choose from. */
  readonly vocabSize: number;
  /** Rows and columns of image tokens. */
  readonly grid: readonly [number, number];
  /** Number of conditions to choose from. Without, conditions come as embeddings. */
  readonly conditionVocabSize?: number;
  /** Must be 1, or left out: one vector shifts and scales the norms. */
  readonly conditionLength?: number;
  /** Width of a token, a multiple of `numHeads`. */
  readonly dim: number;
  /** Number of blocks. */
  readonly depth: number;
  readonly numHeads: number;
  /** Width of the hidden layer of the feed-forward parts. @default 4 dim */
  readonly mlpDim?: number;
  /** @default no dropout; RAR is trained with 0.1 everywhere */
  readonly dropout?: DropoutRates;
  readonly key: RandomKey;
}

/** Names of the options {@link RAROptions}. */
export const rarOptionNames: OptionTable<RAROptions> = {
  vocabSize: 'required',
  grid: 'required',
  conditionVocabSize: 'optional',
  conditionLength: 'optional',
  dim: 'required',
  depth: 'required',
  numHeads: 'required',
  mlpDim: 'optional',
  dropout: 'optional',
  key: 'required',
};

/** Everything of a `RAR` but its weights. */
export interface RARConfig {
  readonly vocabSize: number;
  readonly grid: readonly [number, number];
  /** Left out where conditions come as embeddings. */
  readonly conditionVocabSize?: number;
  readonly conditionLength: 1;
  readonly dim: number;
  readonly depth: number;
  readonly numHeads: number;
  readonly mlpDim: number;
  readonly dropout: Required<DropoutRates>;
}

/**
 * Options with their defaults; what else may stand in them is left out.
 * @throws {ConfigError} naming every problem at once
 */
export function rarConfig({
  vocabSize,
  grid,
  conditionVocabSize,
  conditionLength = 1,
  dim,
  depth,
  numHeads,
  mlpDim = 4 * dim,
  dropout = {},
}: Omit<RAROptions, 'key'>): RARConfig {
  return parseOptions(
    rarSchema,
    {
      vocabSize,
      grid,
      ...(conditionVocabSize !== undefined && { conditionVocabSize }),
      conditionLength,
      dim,
      depth,
      numHeads,
      mlpDim,
      dropout: { residual: 0, activation: 0, attention: 0, ...dropout },
    },
    'RAR',
  );
}
