import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import type { DropoutMasks, DropoutSite, AddedSlots, KVCache } from '@vitvq/layers';

/**
 * int32 tokens `[B, C]` of the conditions' vocabulary, or embeddings `[B, C, D]` from a conditioner
 * of one's own.
 */
export type Conditions = Tensor2D | Tensor3D;

/** int32 image tokens in raster order: `[B, N]`, `[B, N, L]` with L residual levels. */
export type ImageTokens = Tensor2D | Tensor3D;

/** Options of {@link AutoregressiveModel.logits}. */
export interface LogitsOptions {
  /**
   * Masks of a training step, from `drawDropoutMasks(key, model.dropoutSites(batchSize))`.
   * @default none: evaluation
   */
  readonly dropoutMasks?: DropoutMasks;
}

/**
 * After new positions: what the next one is predicted from, and what must be added to the cache
 * before the next step.
 */
export interface SamplingStep {
  /** `[B, D]`. */
  readonly hidden: Tensor2D;
  /** Of every block: the slots of the conditions and given tokens, or that of the new position. */
  readonly added: readonly AddedSlots[];
}

/**
 * Chooses one token a row from logits `[B, V]`; `level` counts residual levels from 0. int32 `[B]`.
 */
export type ChooseToken = (logits: Tensor2D, level: number) => Tensor1D;

/**
 * A model of image tokens, one after the other, given conditions: what sampler, trainer and probe
 * need. Everything that takes tensors is plain TensorFlow.js code that can be compiled; none of it
 * looks at values, so tokens that are out of range must be found before (`assertTokensInRange`).
 */
export interface AutoregressiveModel {
  /** Number of image tokens to choose from. */
  readonly vocabSize: number;
  /** Rows and columns of tokens; there are rows x columns positions. */
  readonly grid: readonly [number, number];
  /** Tokens a position: 1, or L residual levels. */
  readonly codeDepth: number;
  /** Number of condition tokens before the image. */
  readonly conditionLength: number;
  /**
   * Number of condition tokens to choose from; undefined where conditions must come as embeddings.
   */
  readonly conditionVocabSize: number | undefined;
  /** Width of embeddings. */
  readonly dim: number;
  /** Names of what {@link features} returns, in order. */
  readonly featureNames: readonly string[];

  /**
   * Logits of every token given the ones before it, all at once (teacher forcing): float32 `[B, N,
   * V]`, `[B, N, L, V]` with L levels. Fewer tokens than positions are fine.
   */
  logits(conditions: Conditions, tokens: ImageTokens, options?: LogitsOptions): Tensor;
  /**
   * What every block makes of the tokens, `[B, N, D]` each (`[B, N L, D]` for blocks over levels),
   * by name.
   */
  features(conditions: Conditions, tokens: ImageTokens): Record<string, Tensor3D>;
  /** Where dropout strikes in {@link logits} of as many tokens, by the names of the masks. */
  dropoutSites(batchSize: number, tokens?: number): Record<string, DropoutSite>;

  /**
   * A cache with nothing in it, for `batch` sequences.
   * @param segments  slots of each of its segments
   */
  emptyCache(batch: number, segments: readonly number[]): KVCache;
  /**
   * Starts sampling: what it adds goes to the first slots.
   * @param given  int32 `[B, n, L]`: tokens that are there already, padded to a length of its own
   * @param count  int32 scalar, at most n: how many of them count; 0 where none are given
   */
  prefill(conditions: Conditions, given: Tensor3D | undefined, count: Scalar): SamplingStep;
  /**
   * Adds one position.
   * @param tokens  int32 `[B, L]`, of position `count - 1`
   * @param count  int32 scalar: number of positions that are known, these tokens included
   * @param cache  its last segment is the one that the position's slot (that of the conditions come
   *   first) is in
   */
  decodeStep(tokens: Tensor2D, count: Scalar, cache: KVCache): SamplingStep;
  /**
   * The tokens `[B, L]` of the next position, level by level; each level sees the ones chosen
   * before it. To be called inside `tf.tidy`: it leaves its own tensors alive, so that `choose` may
   * keep what it is given.
   */
  predict(hidden: Tensor2D, choose: ChooseToken): Tensor2D;

  namedVariables(): Map<string, Variable>;
}
