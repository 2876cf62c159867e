import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { composite } from '@vitvq/core';
import { hidden } from './attention-mask.js';
import type { AttentionPart, Remember } from './causal-attention.js';
import type { BlockForward, CausalBlock } from './causal-transformer.js';

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

/** What new positions add to the cache of a block: n slots. */
export interface AddedSlots {
  /** Of the last of them. */
  readonly before?: Tensor2D;
  /** `[B, M, n, headDim]`. */
  readonly keys: Tensor4D;
  readonly values: Tensor4D;
}

/**
 * What a pass over the first positions adds.
 * @param last  int32 scalar: the last of these positions; what the pass computed after it is never seen
 */
export function addedBy(blocks: readonly BlockForward[], last: Scalar, usesTimeMixing: boolean): AddedSlots[] {
  return blocks.map(({ keys, values, normalized }) => ({
    before: usesTimeMixing ? (pick(normalized, last, 1) as Tensor2D) : undefined,
    keys,
    values,
  }));
}

/** A cache with nothing in it, for `batch` sequences. @param segments  slots of each segment */
export function emptyCache(
  { blocks }: { readonly blocks: readonly CausalBlock[] },
  batch: number,
  segments: readonly number[],
): SamplingCache {
  return {
    blocks: blocks.map(({ attention: { dim, numHeads, headDim, usesTimeMixing } }) => {
      const slots = (): Tensor4D[] => segments.map((size) => tf.zeros([batch, numHeads, size, headDim]));
      return { before: usesTimeMixing ? tf.zeros([batch, dim]) : undefined, keys: slots(), values: slots() };
    }),
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
  of(cache: BlockCache): { readonly remember: Remember; readonly added: (normalized: Tensor2D) => AddedSlots } {
    let slot: Pick<AddedSlots, 'keys' | 'values'> | undefined;
    return {
      remember: (key, value) => {
        slot = { keys: key, values: value };
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
 * A segment `[B, M, n, headDim]` with other slots `[B, M, k, headDim]` in it. Where the result is assigned to the variable
 * that the segment is, and a compiled engine runs it, nothing but these slots is written.
 * @param index  int32 scalar: where the first of them goes
 */
export function writeSlots(segment: Tensor4D, slots: Tensor4D, index: Scalar): Tensor4D {
  const [written] = composite('write_rows', { axis: 2 }, [segment, slots, index], (old, rows, at) => {
    const count = rows.shape[2]!;
    const source = tf.sub(tf.range(0, old.shape[2]!, 1, 'int32'), at);
    const isWritten = tf.logicalAnd(tf.greaterEqual(source, 0), tf.less(source, count));
    const candidates = count === 1 ? rows : tf.gather(rows, tf.clipByValue(source, 0, count - 1), 2);
    return [tf.where(tf.reshape(isWritten, [1, 1, -1, 1]), candidates, old)];
  });
  return written as Tensor4D;
}

/** `[n]` of what is seen to an additive mask `[1, 1, 1, n]`. */
function maskOf(isSeen: Tensor): Tensor {
  return tf.reshape(tf.mul(tf.sub(1, tf.cast(isSeen, 'float32')), hidden), [1, 1, 1, isSeen.size]);
}

/** The entry of an axis that an int32 scalar names; the axis goes away. */
export function pick(x: Tensor, index: Scalar, axis: number): Tensor {
  return tf.squeeze(tf.gather(x, tf.reshape(index, [1]), axis), [axis]);
}
