import type { Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import type { DropoutMasks, DropoutSite } from '@vitvq/layers';

/**
 * What images are conditioned on: int32 tokens `[B, C]` of the conditions' vocabulary, or
 * embeddings `[B, C, D]` that a conditioner with weights makes.
 */
export type Conditions = Tensor2D | Tensor3D;

/** Image tokens in raster order, int32 `[B, N]`, or `[B, N, L]` with a code depth L above 1. */
export type ImageTokens = Tensor2D | Tensor3D;

/** Options of the logits of a model. */
export interface LogitsOptions {
  /**
   * Masks of a training step, from `drawDropoutMasks(key, model.dropoutSites(batchSize))`.
   * @default none: evaluation
   */
  readonly dropoutMasks?: DropoutMasks;
}

/** What all models of image tokens have in common, in whatever order they predict them. */
export interface TokenModel {
  /** Size of the vocabulary of image tokens. */
  readonly vocabSize: number;
  /** Rows and columns of the token grid; an image has rows x columns positions. */
  readonly grid: readonly [number, number];
  /** Number of tokens at each position: 1, or the number of residual levels L. */
  readonly codeDepth: number;
  /** Number of condition tokens that precede the image. */
  readonly conditionLength: number;
  /** Size of the conditions' vocabulary; undefined where conditions must be embeddings. */
  readonly conditionVocabSize: number | undefined;
  /** Width D of the embeddings. */
  readonly dim: number;
  /** Names of the {@link features}, in their order. */
  readonly featureNames: readonly string[];

  /**
   * Returns the outputs of every block by name, `[B, N, D]` each, or `[B, N L, D]` for blocks over
   * residual levels. All tokens are known.
   */
  features(conditions: Conditions, tokens: ImageTokens): Record<string, Tensor3D>;
  /** Returns where the logits of so many tokens apply dropout, by the names of the masks. */
  dropoutSites(batchSize: number, tokens?: number): Record<string, DropoutSite>;

  namedVariables(): Map<string, Variable>;
}
