import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { AddedSlots, KVCache } from '@vitvq/layers';
import type { Conditions, ImageTokens, LogitsOptions, TokenModel } from './token-model.js';

/** Options of {@link PermutedModel.logits}. */
export interface PermutedLogitsOptions extends LogitsOptions {
  /**
   * Order in which the tokens of each image are predicted, int32 `[B, N]`: `orders[b, n]` is the
   * position that comes n-th. All tokens must be given.
   * @default none: raster order
   */
  readonly orders?: Tensor2D;
}

/** Result of a prefill or a decode step. */
export interface SamplingStep {
  /** Features `[B, D]` that {@link AutoregressiveModel.predict} predicts the next position from. */
  readonly hidden: Tensor2D;
  /**
   * Keys and values of each block that the caller writes into the KV cache: those of the conditions
   * and given tokens after a prefill, those of the new position after a decode step.
   */
  readonly added: readonly AddedSlots[];
  /**
   * Hides padding among the conditions from all later steps, `[B, C]`: the `prefixMask` of the KV
   * cache, which the caller keeps after a prefill. Absent where nothing is hidden.
   */
  readonly prefixMask?: Tensor2D;
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
   * Number of positions before the image, of which the conditions are a part: slots of the KV cache
   * that a prefill fills without given tokens. @default conditionLength
   */
  readonly prefixLength?: number;

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

/** Model that can be trained to predict tokens in any order; it is sampled in raster order. */
export interface PermutedModel extends AutoregressiveModel {
  readonly takesOrders: true;
  /** Returns the logits of every token given those before it in the order; by position. */
  logits(conditions: Conditions, tokens: ImageTokens, options?: PermutedLogitsOptions): Tensor;
}

/** Returns whether a model can be trained to predict tokens in any order. */
export function takesOrders(model: AutoregressiveModel): model is PermutedModel {
  return (model as Partial<PermutedModel>).takesOrders === true;
}

/** Returns the number of positions before the image: the slots that a prefill fills. */
export function prefixLengthOf({
  prefixLength,
  conditionLength,
}: Pick<AutoregressiveModel, 'prefixLength' | 'conditionLength'>): number {
  return prefixLength ?? conditionLength;
}
