import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { hidden } from './attention-mask.js';
import type { AttentionPart, Remember } from './causal-attention.js';
import type { BlockForward } from './causal-transformer.js';

/** Keys and values `[B, M, length, headDim]` before the recent chunk; none while the first chunk is the whole cache. */
export interface EarlierSlots {
  readonly keys?: Tensor4D;
  readonly values?: Tensor4D;
}

/**
 * What is kept of one block while tokens are sampled. Keys and values stand in slots, one a position (conditions, then
 * tokens). Every step writes to the recent slots alone, a chunk of few; full chunks are moved to the earlier slots now and
 * then, so that a step copies little of the cache.
 */
export interface BlockCache extends EarlierSlots {
  /** `[B, D]`: attention's input at the last position, for the time mixing of the next; without time mixing there is none. */
  readonly before?: Tensor2D;
  /** `[B, M, chunk, headDim]`: the chunk of slots that the last position is in. */
  readonly recentKeys: Tensor4D;
  readonly recentValues: Tensor4D;
}

/** Plain data, so that it can go in and out of a compiled function. */
export interface SamplingCache {
  readonly blocks: readonly BlockCache[];
}

/** Slots of a cache, and slots a chunk; `length` is a multiple of `chunk`. */
export interface CacheSize {
  readonly length: number;
  readonly chunk: number;
}

/**
 * The cache after a pass over the first positions.
 * @param last  int32 scalar: the last of these positions; what the pass computed after it is never seen
 */
export function cacheOf(
  blocks: readonly BlockForward[],
  last: Scalar,
  { length, chunk }: CacheSize,
  usesTimeMixing: boolean,
): SamplingCache {
  const chunkIndex = tf.floorDiv<Scalar>(last, tf.scalar(chunk, 'int32'));
  const padded = (x: Tensor4D): Tensor4D => padSlots(x, length);
  const recent = (x: Tensor4D): Tensor4D => {
    if (length === chunk) return x;
    const [batch, heads, , headDim] = x.shape;
    const chunks = tf.reshape(x, [batch, heads, length / chunk, chunk, headDim]);
    return pick(chunks, chunkIndex, 2) as Tensor4D;
  };
  return {
    blocks: blocks.map(({ keys, values, normalized }) => {
      const [allKeys, allValues] = [padded(keys), padded(values)];
      return {
        before: usesTimeMixing ? (pick(normalized, last, 1) as Tensor2D) : undefined,
        keys: length === chunk ? undefined : allKeys,
        values: length === chunk ? undefined : allValues,
        recentKeys: recent(allKeys),
        recentValues: recent(allValues),
      };
    }),
  };
}

/** A step's view of the cache: where the new position's slot lies, and which slots its query sees. */
export class CacheStep {
  readonly #isNew: Tensor;
  readonly #recentMask: Tensor;
  readonly #earlierMask: Tensor | undefined;

  /** @param slot  int32 scalar: the slot of the position that is being added */
  constructor({ blocks }: SamplingCache, slot: Scalar) {
    const chunk = blocks[0]!.recentKeys.shape[2];
    const length = blocks[0]!.keys?.shape[2];
    const chunkStart = tf.mul(tf.floorDiv(slot, tf.scalar(chunk, 'int32')), tf.scalar(chunk, 'int32'));
    const within = tf.sub(slot, chunkStart);
    const recentSlots = tf.range(0, chunk, 1, 'int32');
    this.#isNew = tf.reshape(tf.equal(recentSlots, within), [1, 1, chunk, 1]);
    this.#recentMask = maskOf(tf.lessEqual(recentSlots, within));
    this.#earlierMask = length === undefined ? undefined : maskOf(tf.less(tf.range(0, length, 1, 'int32'), chunkStart));
  }

  /** How a block's attention reads its cache, and the cache with the new position in it (after the attention has run). */
  of(cache: BlockCache): { readonly remember: Remember; readonly next: (normalized: Tensor2D) => BlockCache } {
    let { recentKeys, recentValues } = cache;
    return {
      remember: (key, value) => {
        recentKeys = tf.where(this.#isNew, key, recentKeys);
        recentValues = tf.where(this.#isNew, value, recentValues);
        const recent: AttentionPart = { keys: recentKeys, values: recentValues, mask: this.#recentMask };
        const { keys, values } = cache;
        return keys && values ? [{ keys, values, mask: this.#earlierMask }, recent] : [recent];
      },
      next: (normalized) => ({ before: cache.before && normalized, recentKeys, recentValues }),
    };
  }
}

/**
 * Moves the recent chunk to its place among the earlier slots, and makes room for more.
 * @param chunkIndex  int32 scalar: which chunk of slots the recent one is
 * @param length  number of slots afterwards
 * @returns keys and values of every block, for the steps to come
 */
export function moveRecentChunk(
  { blocks }: SamplingCache,
  chunkIndex: Scalar,
  length: number,
): readonly EarlierSlots[] {
  const move = (earlier: Tensor4D | undefined, recent: Tensor4D): Tensor4D => {
    if (!earlier) return padSlots(recent, length); // the first chunk
    const [batch, heads, slots, headDim] = earlier.shape;
    const chunk = recent.shape[2];
    const chunks = tf.reshape(earlier, [batch, heads, slots / chunk, chunk, headDim]);
    const isMoved = tf.equal(tf.range(0, slots / chunk, 1, 'int32'), chunkIndex);
    const moved = tf.where(tf.reshape(isMoved, [1, 1, slots / chunk, 1, 1]), tf.expandDims(recent, 2), chunks);
    return padSlots(tf.reshape(moved, earlier.shape), length);
  };
  return blocks.map(({ keys, values, recentKeys, recentValues }) => ({
    keys: move(keys, recentKeys),
    values: move(values, recentValues),
  }));
}

/** `[B, M, n, headDim]` with zeros up to `length` slots. */
function padSlots(x: Tensor4D, length: number): Tensor4D {
  const missing = length - x.shape[2];
  if (missing === 0) return x;
  return tf.pad(x, [
    [0, 0],
    [0, 0],
    [0, missing],
    [0, 0],
  ]);
}

/** `[n]` of what is seen to an additive mask `[1, 1, 1, n]`. */
function maskOf(isSeen: Tensor): Tensor {
  return tf.reshape(tf.mul(tf.sub(1, tf.cast(isSeen, 'float32')), hidden), [1, 1, 1, isSeen.size]);
}

/** The entry of an axis that an int32 scalar names; the axis goes away. */
export function pick(x: Tensor, index: Scalar, axis: number): Tensor {
  return tf.squeeze(tf.gather(x, tf.reshape(index, [1]), axis), [axis]);
}
