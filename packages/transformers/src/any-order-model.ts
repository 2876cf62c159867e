import type { Scalar, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import type { AddedSlots, KVCache } from '@vitvq/layers';
import type { Conditions, LogitsOptions, TokenModel } from './token-model.js';

/** Order in which the tokens of each image come, and what each is predicted from. */
export interface TokenOrder {
  /** int32 `[B, N]`: the place of each position in the order, a permutation of 0 to N - 1. */
  readonly rank: Tensor2D;
  /**
   * int32 `[B, N]`: how many tokens of the order each position is predicted from, at most its rank.
   * It equals `rank` where tokens come one by one; tokens that come together have the rank of the
   * first of them.
   */
  readonly known: Tensor2D;
}

/** Tokens of one step of cached sampling, k of them, and the next k positions. */
export interface TokenGroup {
  /** int32 `[B, k]`: tokens that were drawn in the step before; anything in the first step. */
  readonly tokens: Tensor2D;
  /** int32 `[B, k]`: their positions. */
  readonly positions: Tensor2D;
  /** int32 `[B, k]`: positions to predict. */
  readonly next: Tensor2D;
  /** int32 scalar: how many tokens are known, these included; 0 in the first step. */
  readonly count: Scalar;
}

/**
 * Predicts image tokens one after the other, or several at a time, in any order of positions.
 * Plain TensorFlow.js code that compiles and reads no values.
 */
export interface AnyOrderModel extends TokenModel {
  /**
   * Returns the logits `[B, N, V]` of every token given those before it in the order, in one
   * forward pass (teacher forcing). Positions stay in raster order.
   * @param tokens  int32 `[B, N]`
   */
  orderedLogits(conditions: Conditions, tokens: Tensor2D, order: TokenOrder, options?: LogitsOptions): Tensor3D;

  /**
   * Creates an empty KV cache of one segment for steps of `groupSize` tokens. The slots of the
   * conditions come first, then those of `groupSize` tokens that nothing sees, then the tokens.
   */
  emptyGroupCache(batch: number, groupSize: number): KVCache;
  /** Reads the conditions; returns what goes into the first slots of the cache. */
  readConditions(conditions: Conditions): readonly AddedSlots[];
  /**
   * Reads k tokens and predicts the next k positions, each without the others.
   * @returns logits `[B, k, V]`, and the k slots that the caller writes into the cache from slot
   *   `conditionLength + count` on
   */
  nextGroup(group: TokenGroup, cache: KVCache): { readonly logits: Tensor3D; readonly added: readonly AddedSlots[] };
}

/** Tells whether a model predicts tokens in any order. */
export function isAnyOrder(model: TokenModel): model is AnyOrderModel {
  return 'orderedLogits' in model;
}
