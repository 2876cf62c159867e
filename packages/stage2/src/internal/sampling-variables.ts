import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import { withinLast, writeSlot } from '../sampling-cache.js';
import type { AddedSlot, SamplingCache } from '../sampling-cache.js';
import type { Drawn } from './sampling-program.js';

interface BlockVariables {
  readonly before: Variable<tf.Rank.R2> | undefined;
  readonly keys: readonly Variable<tf.Rank.R4>[];
  readonly values: readonly Variable<tf.Rank.R4>[];
}

/**
 * The images in the making, as variables: a compiled step then changes the cache where it is, and steps can be asked for
 * before the one that they follow has ended.
 */
export class SamplingVariables {
  /** int32 `[B, L]`: the position that was drawn last. */
  readonly tokens: Variable<tf.Rank.R2>;
  /** int32 scalar: positions that are known. */
  readonly count: Variable<tf.Rank.R0>;
  readonly #blocks: readonly BlockVariables[];

  /** Takes the values of a start; it stays the caller's to dispose of. */
  constructor({ tokens, count, cache }: Drawn & { readonly cache: SamplingCache }) {
    const variable = <R extends tf.Rank>(value: tf.Tensor<R>): Variable<R> => tf.variable(value, false);
    this.tokens = variable(tokens);
    this.count = variable(count);
    this.#blocks = cache.blocks.map(({ before, keys, values }) => ({
      before: before && variable(before),
      keys: keys.map(variable),
      values: values.map(variable),
    }));
  }

  /** Begins anew. */
  assign({ tokens, count, cache }: Drawn & { readonly cache: SamplingCache }): void {
    this.tokens.assign(tokens);
    this.count.assign(count);
    for (const [index, { before, keys, values }] of cache.blocks.entries()) {
      const block = this.#blocks[index]!;
      if (before) block.before!.assign(before);
      keys.forEach((segment, at) => block.keys[at]!.assign(segment));
      values.forEach((segment, at) => block.values[at]!.assign(segment));
    }
  }

  /** The first segments. */
  cache(segments: number): SamplingCache {
    const cut = (all: readonly Tensor4D[]): readonly Tensor4D[] => all.slice(0, segments);
    return {
      blocks: this.#blocks.map(({ before, keys, values }) => ({
        before: before,
        keys: cut(keys),
        values: cut(values),
      })),
    };
  }

  /** Writes what a step adds to the last of the first segments. */
  add(added: readonly AddedSlot[], slot: Scalar, segments: number): void {
    for (const [index, { before, key, value }] of added.entries()) {
      const block = this.#blocks[index]!;
      if (before) block.before!.assign(before);
      const at = withinLast(block.keys.slice(0, segments), slot);
      const [keys, values] = [block.keys[segments - 1]!, block.values[segments - 1]!];
      keys.assign(writeSlot(keys, key, at));
      values.assign(writeSlot(values, value, at));
    }
  }

  /** All of them. */
  variables(): Variable[] {
    const blocks = this.#blocks.flatMap(({ before, keys, values }) => [
      ...(before ? [before] : []),
      ...keys,
      ...values,
    ]);
    return [this.tokens, this.count, ...blocks];
  }

  dispose(): void {
    tf.dispose(this.variables());
  }
}
