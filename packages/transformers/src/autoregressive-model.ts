import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { AddedSlots, KVCache } from '@vitvq/layers';
import type { Conditions, ImageTokens, LogitsOptions, TokenModel } from './token-model.js';

/** Result of a prefill or a decode step. */
export interface SamplingStep {
  /** Features `[B, D]` that {@link AutoregressiveModel.predict} predicts the next position from. */
  readonly hidden: Tensor2D;
  /**
   * Keys and values of each block that the caller writes into the KV cache: those of the conditions
   * and given tokens after a prefill, those of the new position after a decode step.
   */
  readonly added: readonly AddedSlots[];
}

/**
 * Chooses one token for each row of logits `[B, V]`. Levels of residual codes count from 0.
 * @returns int32 `[B]`
 */
export type ChooseToken = (logits: Tensor2D, level: number) => Tensor1D;

/**
 * Predicts image tokens one after the other, given conditions. Samplers, trainers and probes take
 * any implementation. Methods with tensors are plain TensorFlow.js code that compiles. They do not
 * read values, so callers check the range of tokens first, with `assertTokensInRange`.
 */
export interface AutoregressiveModel extends TokenModel {
  /**
   * Returns the logits of every token given the tokens before it, in one forward pass (teacher
   * forcing): float32 `[B, N, V]`, or `[B, N, L, V]` where the code depth exceeds 1. There may be
   * fewer tokens than positions.
   */
  logits(conditions: Conditions, tokens: ImageTokens, options?: LogitsOptions): Tensor;

  /**
   * Creates an empty KV cache for `batch` sequences.
   * @param segments  number of slots of each segment
   */
  emptyCache(batch: number, segments: readonly number[]): KVCache;
  /**
   * Reads the conditions and the known tokens. What it adds belongs into the first slots.
   * @param given  known tokens, int32 `[B, n, L]`; they may be padded at the end
   * @param count  int32 scalar: how many of the n are known, 0 where none are given
   */
  prefill(conditions: Conditions, given: Tensor3D | undefined, count: Scalar): SamplingStep;
  /**
   * Reads the tokens of one more position.
   * @param tokens  int32 `[B, L]`, of position `count - 1`
   * @param count  int32 scalar: number of known positions, this one included
   * @param cache  segments up to the one that holds the position's slot; the slots of the
   *   conditions come first
   */
  decodeStep(tokens: Tensor2D, count: Scalar, cache: KVCache): SamplingStep;
  /**
   * Predicts the tokens `[B, L]` of the next position, level by level: each level is given the
   * tokens chosen above it. Call it inside `tf.tidy`: it disposes of nothing, so that `choose` may
   * keep the logits that it is given.
   */
  predict(hidden: Tensor2D, choose: ChooseToken): Tensor2D;
}
