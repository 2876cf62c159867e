import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core';
import { composite } from '@vitvq/core';
import { hiddenScore } from './attention-mask.js';
import type { AttentionPart, Remember } from './causal-attention.js';
import type { BlockForward, CausalBlock } from './causal-transformer.js';

/**
 * KV cache of one block. Keys and values have a slot for each position (conditions, then tokens).
 * The slots are cut into segments, so that attention runs over the segments that are in use only.
 */
export interface BlockCache {
  /**
   * `[B, D]`: what the next position needs of the last one besides keys and values: the input of
   * the attention, for time mixing; in the first block of a `RAR` the embedded condition. Absent
   * where it needs nothing.
   */
  readonly before?: Tensor2D;
  /** `[B, M, n, headDim]` for each segment of n slots. */
  readonly keys: readonly Tensor4D[];
  /** `[B, M, n, headDim]` for each segment of n slots. */
  readonly values: readonly Tensor4D[];
}

/** KV cache of a transformer: plain data, which can go in and out of a compiled function. */
export interface KVCache {
  readonly blocks: readonly BlockCache[];
  /**
   * `[B, P]`: what is added to the scores of the first P slots, -1e9 where they are padding that
   * nothing may see. Absent where all slots are seen.
   */
  readonly prefixMask?: Tensor2D;
}

/** Slots that n new positions add to the KV cache of a block. */
export interface AddedSlots {
  /** `[B, D]`: input of the attention at the last of the positions; absent without time mixing. */
  readonly before?: Tensor2D;
  /** `[B, M, n, headDim]`. */
  readonly keys: Tensor4D;
  /** `[B, M, n, headDim]`. */
  readonly values: Tensor4D;
}

/**
 * Returns the slots that prefill adds to the KV cache.
 * @param blocks  results of the blocks for the first positions
 * @param last  int32 scalar: the last of these positions that counts; positions after it are never
 *   seen
 */
export function prefilledSlots(blocks: readonly BlockForward[], last: Scalar, usesTimeMixing: boolean): AddedSlots[] {
  return blocks.map(({ keys, values, normalized }) => ({
    before: usesTimeMixing ? (pick(normalized, last, 1) as Tensor2D) : undefined,
    keys,
    values,
  }));
}

/**
 * Creates an empty KV cache for `batch` sequences.
 * @param segments  number of slots of each segment
 */
export function emptyCache(
  { blocks }: { readonly blocks: readonly Pick<CausalBlock, 'attention'>[] },
  batch: number,
  segments: readonly number[],
): KVCache {
  return {
    blocks: blocks.map(({ attention: { dim, numHeads, headDim, usesTimeMixing } }) => {
      const slots = (): Tensor4D[] => segments.map((size) => tf.zeros([batch, numHeads, size, headDim]));
      return { before: usesTimeMixing ? tf.zeros([batch, dim]) : undefined, keys: slots(), values: slots() };
    }),
  };
}

/** View of a KV cache at one decoding step: which slots the query of the new position sees. */
export class CacheStep {
  /** Of each segment; undefined where the query sees all of its slots. */
  readonly #masks: readonly (Tensor | undefined)[];

  /**
   * @param cache  whose last segment has the slot of the new position; the segments before are full
   * @param slot  int32 scalar: the slot of the new position
   */
  constructor({ blocks, prefixMask }: KVCache, slot: Scalar) {
    const { keys } = blocks[0]!;
    const size = keys.at(-1)!.shape[2];
    const ofLast = maskOf(tf.less(tf.range(0, size, 1, 'int32'), withinLast(keys, slot)));
    let start = 0;
    this.#masks = keys.map(({ shape: [, , slots] }, index) => {
      const ofPrefix = prefixMask && partOfPrefix(prefixMask, start, slots);
      start += slots;
      if (index < keys.length - 1) return ofPrefix;
      return ofPrefix ? tf.minimum(ofPrefix, ofLast) : ofLast;
    });
  }

  /**
   * Returns for a block how its attention reads the cache, and a function that returns the slots to
   * be added once the attention has run.
   */
  of(cache: BlockCache): { readonly remember: Remember; readonly added: (normalized: Tensor2D) => AddedSlots } {
    let slot: Pick<AddedSlots, 'keys' | 'values'> | undefined;
    return {
      remember: (key, value) => {
        slot = { keys: key, values: value };
        const parts = cache.keys.map((keys, index): AttentionPart => {
          return { keys, values: cache.values[index]!, mask: this.#masks[index] };
        });
        return [...parts, { keys: key, values: value }];
      },
      added: (normalized) => ({ ...slot!, before: cache.before && normalized }),
    };
  }
}

/**
 * Returns the mask `[B, 1, 1, n]` of the n slots from `start` on; undefined where they are beyond
 * those of the prefix.
 */
function partOfPrefix(prefixMask: Tensor2D, start: number, slots: number): Tensor4D | undefined {
  const [batch, prefix] = prefixMask.shape;
  const count = Math.min(slots, prefix - start);
  if (count <= 0) return undefined;
  const part = tf.pad(tf.slice(prefixMask, [0, start], [-1, count]), [
    [0, 0],
    [0, slots - count],
  ]);
  return tf.reshape(part, [batch, 1, 1, slots]);
}

/** Returns where in the last segment a slot lies, an int32 scalar. */
export function withinLast(segments: readonly Tensor4D[], slot: Scalar): Scalar {
  const before = segments.slice(0, -1).reduce((sum, { shape }) => sum + shape[2], 0);
  return before === 0 ? slot : tf.sub(slot, tf.scalar(before, 'int32'));
}

/**
 * Returns a segment `[B, M, n, headDim]` with slots `[B, M, k, headDim]` written into it. Where the
 * segment is a variable to which the result is assigned, a compiled engine writes nothing but these
 * slots.
 * @param index  int32 scalar: the place of the first slot
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

/** Turns `[n]`, true for slots that are seen, into an additive mask `[1, 1, 1, n]`. */
function maskOf(isSeen: Tensor): Tensor {
  return tf.reshape(tf.mul(tf.sub(1, tf.cast(isSeen, 'float32')), hiddenScore), [1, 1, 1, isSeen.size]);
}

/** Returns the entry of an axis at an int32 scalar, without that axis. */
export function pick(x: Tensor, index: Scalar, axis: number): Tensor {
  return tf.squeeze(tf.gather(x, tf.reshape(index, [1]), axis), [axis]);
}
