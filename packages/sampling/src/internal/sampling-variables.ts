import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import { withinLast, writeSlots, type AddedSlots, type KVCache } from '@vitvq/layers';

interface BlockVariables {
  readonly before: Variable<tf.Rank.R2> | undefined;
  readonly keys: readonly Variable<tf.Rank.R4>[];
  readonly values: readonly Variable<tf.Rank.R4>[];
}

/**
 * The images in the making, as variables: a compiled step then changes the cache where it is, and
 * steps can be asked for before the one that they follow has ended.
 */
export class SamplingVariables {
  /** int32 `[B, L]`, or `[B, k]` of k positions a step: the tokens that were drawn last. */
  readonly tokens: Variable<tf.Rank.R2>;
  /** int32 scalar: how many positions, or steps, are known. */
  readonly count: Variable<tf.Rank.R0>;
  readonly #blocks: readonly BlockVariables[];
  readonly #prefixMask: Variable<tf.Rank.R2> | undefined;

  /**
   * @param cache  empty, whose tensors it disposes of
   * @param tokensShape  of {@link tokens}
   */
  constructor(cache: KVCache, tokensShape: [number, number]) {
    const variable = <R extends tf.Rank>(value: Tensor<R>): Variable<R> => {
      const made = tf.variable(value, false);
      value.dispose();
      return made;
    };
    this.tokens = variable(tf.zeros<tf.Rank.R2>(tokensShape, 'int32'));
    this.count = variable(tf.scalar(0, 'int32'));
    this.#blocks = cache.blocks.map(({ before, keys, values }) => ({
      before: before && variable(before),
      keys: keys.map(variable),
      values: values.map(variable),
    }));
    this.#prefixMask = cache.prefixMask && variable(cache.prefixMask);
  }

  /** The first segments. */
  cache(segments: number): KVCache {
    const first = (all: readonly Tensor4D[]): readonly Tensor4D[] => all.slice(0, segments);
    return {
      blocks: this.#blocks.map(({ before, keys, values }) => ({ before, keys: first(keys), values: first(values) })),
      prefixMask: this.#prefixMask,
    };
  }

  /** Writes the slots of the first positions, wherever their segments end, and what hides some. */
  addFirst(added: readonly AddedSlots[], prefixMask?: Tensor2D): void {
    this.#prefixMask?.assign(prefixMask!);
    const start = tf.scalar(0, 'int32');
    const write = (segments: readonly Variable<tf.Rank.R4>[], slots: Tensor4D): void => {
      let written = 0;
      for (const segment of segments) {
        const count = Math.min(segment.shape[2], slots.shape[2] - written);
        if (count <= 0) return;
        segment.assign(writeSlots(segment, tf.slice(slots, [0, 0, written, 0], [-1, -1, count, -1]), start));
        written += count;
      }
    };
    this.#blocks.forEach(({ before, keys, values }, index) => {
      const slots = added[index]!;
      before?.assign(slots.before!);
      write(keys, slots.keys);
      write(values, slots.values);
    });
  }

  /** Writes the slots of what came next, which are in the last of the first segments. */
  add(added: readonly AddedSlots[], slot: Scalar, segments: number): void {
    this.#blocks.forEach(({ before, keys, values }, index) => {
      const slots = added[index]!;
      before?.assign(slots.before!);
      const at = withinLast(keys.slice(0, segments), slot);
      const [lastKeys, lastValues] = [keys[segments - 1]!, values[segments - 1]!];
      lastKeys.assign(writeSlots(lastKeys, slots.keys, at));
      lastValues.assign(writeSlots(lastValues, slots.values, at));
    });
  }

  /** All of them. */
  variables(): Variable[] {
    const blocks = this.#blocks.flatMap(({ before, keys, values }) => [
      ...(before ? [before] : []),
      ...keys,
      ...values,
    ]);
    return [this.tokens, this.count, ...blocks, ...(this.#prefixMask ? [this.#prefixMask] : [])];
  }

  dispose(): void {
    tf.dispose(this.variables());
  }
}
