import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { composite } from '@vitvq/core';
import { hidden } from './attention-mask.js';
import type { AttentionPart, Remember } from './causal-attention.js';
import type { BlockForward } from './causal-transformer.js';

/**
 * What is kept of one block while tokens are sampled. Keys and values stand in slots, one a position (conditions, then
 * tokens). The slots are cut into segments, so that attention runs over the segments that have something in them.
 */
export interface BlockCache {
  /** `[B, D]`: attention's input at the last position, for the time mixing of the next; without time mixing there is none. */
  readonly before?: Tensor2D;
  /** `[B, M, n, headDim]` a segment of n slots. */
  readonly keys: readonly Tensor4D[];
  readonly values: readonly Tensor4D[];
}

/** Plain data, so that it can go in and out of a compiled function. */
export interface SamplingCache {
  readonly blocks: readonly BlockCache[];
}

/** What a step adds to the cache of a block: one slot. */
export interface AddedSlot {
  readonly before?: Tensor2D;
  /** `[B, M, 1, headDim]`. */
  readonly key: Tensor4D;
  readonly value: Tensor4D;
}

/**
 * The cache after a pass over the first positions.
 * @param last  int32 scalar: the last of these positions; what the pass computed after it is never seen
 * @param segments  slots of each segment
 */
export function cacheOf(
  blocks: readonly BlockForward[],
  last: Scalar,
  segments: readonly number[],
  usesTimeMixing: boolean,
): SamplingCache {
  const cut = (x: Tensor4D): Tensor4D[] => {
    const padded = padSlots(
      x,
      segments.reduce((sum, size) => sum + size, 0),
    );
    return segments.length === 1 ? [padded] : tf.split(padded, [...segments], 2);
  };
  return {
    blocks: blocks.map(({ keys, values, normalized }) => ({
      before: usesTimeMixing ? (pick(normalized, last, 1) as Tensor2D) : undefined,
      keys: cut(keys),
      values: cut(values),
    })),
  };
}

/** A step's view of the cache: which slots the query of the new position sees. */
export class CacheStep {
  readonly #lastMask: Tensor;

  /**
   * @param cache  its last segment is the one that the new position's slot is in; those before it are full
   * @param slot  int32 scalar: the slot of the position that is being added
   */
  constructor({ blocks }: SamplingCache, slot: Scalar) {
    const { keys } = blocks[0]!;
    const size = keys.at(-1)!.shape[2];
    this.#lastMask = maskOf(tf.less(tf.range(0, size, 1, 'int32'), withinLast(keys, slot)));
  }

  /** How a block's attention reads its cache, and what is to be added to it (after the attention has run). */
  of(cache: BlockCache): { readonly remember: Remember; readonly added: (normalized: Tensor2D) => AddedSlot } {
    let slot: Pick<AddedSlot, 'key' | 'value'> | undefined;
    return {
      remember: (key, value) => {
        slot = { key, value };
        const parts = cache.keys.map((keys, index): AttentionPart => {
          const isLast = index === cache.keys.length - 1;
          return { keys, values: cache.values[index]!, mask: isLast ? this.#lastMask : undefined };
        });
        return [...parts, { keys: key, values: value }];
      },
      added: (normalized) => ({ ...slot!, before: cache.before && normalized }),
    };
  }
}

/** Where in the last segment a slot lies: int32 scalar. */
export function withinLast(segments: readonly Tensor4D[], slot: Scalar): Scalar {
  const before = segments.slice(0, -1).reduce((sum, { shape }) => sum + shape[2], 0);
  return before === 0 ? slot : tf.sub(slot, tf.scalar(before, 'int32'));
}

/**
 * A segment `[B, M, n, headDim]` with one slot replaced. Where the result is assigned to the variable that the segment is,
 * and a compiled engine runs it, nothing but the slot is written.
 * @param index  int32 scalar
 */
export function writeSlot(segment: Tensor4D, slot: Tensor4D, index: Scalar): Tensor4D {
  const [written] = composite('write_rows', { axis: 2 }, [segment, slot, index], (old, rows, at) => {
    const isWritten = tf.equal(tf.range(0, old.shape[2]!, 1, 'int32'), at);
    return [tf.where(tf.reshape(isWritten, [1, 1, -1, 1]), rows, old)];
  });
  return written as Tensor4D;
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
