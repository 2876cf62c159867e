import type { RandomKey } from '@vitvq/core';
import type { CausalTransformerOptions } from '@vitvq/layers';

/**
 * Position embeddings of image tokens: `sequence` has one vector for each position (the reference),
 * `grid` adds a vector of the row to a vector of the column (the paper's 2-D positions).
 */
export type TokenPositions = 'sequence' | 'grid';

/** Vocabularies, sizes and positions that every transformer over image tokens has. */
export interface SequenceEmbeddingOptions {
  /** Number of image tokens to choose from: the tokenizer's codebook size. */
  readonly vocabSize: number;
  /** Rows and columns of image tokens. */
  readonly grid: readonly [number, number];
  /**
   * Number of condition tokens to choose from: classes, text tokens or another codebook.
   * @default none: conditions come as embeddings
   */
  readonly conditionVocabSize?: number;
  /** Number of condition tokens before the image. @default 1 */
  readonly conditionLength?: number;
  /** Width of the embedding of a token. */
  readonly dim: number;
  /** @default 'sequence', the reference's */
  readonly positions?: TokenPositions;
  /** Random key of the initial weights. */
  readonly key: RandomKey;
}

/** Sizes and choices of a `GPT`. */
export type GPTOptions = SequenceEmbeddingOptions & CausalTransformerOptions;

/** Blocks and heads of one of the two transformers of an `RQTransformer`. */
type StackSize = Pick<CausalTransformerOptions, 'depth' | 'numHeads'>;

/** Sizes and choices of an `RQTransformer`; options outside `spatial` and `depth` hold for both. */
export type RQTransformerOptions = SequenceEmbeddingOptions &
  Omit<CausalTransformerOptions, keyof StackSize> & {
    /** Number of codes of a token, at least 2. */
    readonly codeDepth: number;
    /** Size of the transformer over positions. */
    readonly spatial: StackSize;
    /** Size of the transformer over the codes of one position. */
    readonly depth: StackSize;
  };
