import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { assertInteger, assertShape, composite, Module } from '@vitvq/core';
import { z } from 'zod';
import { gridOf, type AttentionKind, type AttentionMechanism } from './attention-kind.js';
import { differentiable } from './internal/differentiable.js';
import { integer } from './internal/attention-schemas.js';

/** Numbers on which the composites depend. */
interface Blocks {
  readonly scale: number;
  readonly blockSize: number;
}

/** Slices `[B, M, N, headDim]` into blocks of tokens, of which the last may be smaller. */
function blocksOf(x: Tensor, blockSize: number): { readonly count: number; at(index: number): Tensor } {
  const [batch, heads, tokens, headDim] = x.shape as [number, number, number, number];
  return {
    count: Math.ceil(tokens / blockSize),
    at: (index) => {
      const size = Math.min(blockSize, tokens - index * blockSize);
      return tf.slice(x, [0, 0, index * blockSize, 0], [batch, heads, size, headDim]);
    },
  };
}

/**
 * Returns the tensors, none of which a compiled program has before it has everything in `before`.
 * Nothing else would keep the program from computing the scores of all blocks first, or from
 * putting off what reads them: together they are what is too large.
 */
function after(before: readonly Tensor[], tensors: readonly Tensor[]): Tensor[] {
  return composite('optimization_barrier', {}, [...before, ...tensors], (...operands) =>
    operands.map((operand) => tf.clone(operand)),
  ).slice(before.length);
}

/** Applies a step again and again; tensors of a step that the next one does not get are freed. */
function repeat(count: number, step: (index: number, state: readonly Tensor[]) => Tensor[]): Tensor[] {
  let state: Tensor[] = [];
  for (let index = 0; index < count; index++) {
    const next = tf.tidy(() => step(index, state));
    tf.dispose(state);
    state = next;
  }
  return state;
}

/**
 * Returns softmax(scale q·kᵀ)·v and the logarithm of the softmax's denominators, `[B, M, N, 1]`.
 * For each row, `largest` and `total` are the largest score so far and the sum of the exponentials
 * less it; both change from block to block, and `sum` is scaled along with them.
 */
function forward({ scale, blockSize }: Blocks) {
  return (q: Tensor, k: Tensor, v: Tensor): Tensor[] => {
    const [keys, values] = [blocksOf(k, blockSize), blocksOf(v, blockSize)];
    const [sum, largest, total] = repeat(keys.count, (index, state) => {
      const [key, value] = after(state, [keys.at(index), values.at(index)]) as [Tensor, Tensor];
      const [sum, largest, total] = state;
      const scores = tf.mul(tf.matMul(q, key, false, true), scale); // [B, M, N, blockSize]
      const ofBlock = tf.max(scores, 3, true);
      const next = largest ? tf.maximum(largest, ofBlock) : ofBlock;
      const weights = tf.exp(tf.sub(scores, next));
      const added = [tf.matMul(weights, value), tf.sum(weights, 3, true)] as const;
      if (!sum || !largest || !total) return [added[0], next, added[1]];
      const shrink = tf.exp(tf.sub(largest, next));
      return [tf.add(tf.mul(sum, shrink), added[0]), next, tf.add(tf.mul(total, shrink), added[1])];
    }) as [Tensor, Tensor, Tensor];
    return [tf.div(sum, total), tf.add(largest, tf.log(total))];
  };
}

/** Returns the gradients of q, k and v, with the probabilities computed again block by block. */
function backward({ scale, blockSize }: Blocks) {
  return (...operands: Tensor[]): Tensor[] => {
    const [dOutput, q, k, v, output, logTotal] = operands as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    const [keys, values] = [blocksOf(k, blockSize), blocksOf(v, blockSize)];
    const mean = tf.sum(tf.mul(dOutput, output), 3, true); // rowsum(dP P), [B, M, N, 1]
    const [dKeys, dValues]: [Tensor[], Tensor[]] = [[], []];
    const [dQ] = repeat(keys.count, (index, state) => {
      // The first block waits too, or a pass could take its scores from the forward pass.
      const before = index === 0 ? [mean] : [...state, dKeys.at(-1)!, dValues.at(-1)!];
      const [key, value] = after(before, [keys.at(index), values.at(index)]) as [Tensor, Tensor];
      const scores = tf.mul(tf.matMul(q, key, false, true), scale);
      const probabilities = tf.exp(tf.sub(scores, logTotal)); // [B, M, N, blockSize]
      const dProbabilities = tf.matMul(dOutput, value, false, true);
      const dScores = tf.mul(tf.mul(probabilities, tf.sub(dProbabilities, mean)), scale);
      dValues.push(tf.keep(tf.matMul(probabilities, dOutput, true)));
      dKeys.push(tf.keep(tf.matMul(dScores, q, true)));
      const added = tf.matMul(dScores, key);
      return [state[0] ? tf.add(state[0], added) : added];
    });
    const gradients = [dQ!, tf.concat(dKeys, 2), tf.concat(dValues, 2)];
    tf.dispose([dKeys, dValues]);
    return gradients;
  };
}

/**
 * Returns what `scaledDotProductAttention` returns, softmax(scale q·kᵀ)·v for
 * `[B, M, N, headDim]`, in memory that grows with N·blockSize instead of N²: the queries meet the
 * keys block by block, with a softmax that is corrected from block to block (Rabe & Staats 2021,
 * arXiv:2112.05682, sec. 2; Dao et al. 2022, arXiv:2205.14135, algorithm 1). Only q, k, v, the
 * output and one number a row are kept for the backward pass, which computes the scores again block
 * by block. First-order gradients only.
 *
 * Deviation: both papers divide the queries into blocks too. Here the graph of a compiled program
 * grows with the number of blocks, which would be squared.
 *
 * Composites: `blockwise_attention` `[q, k, v]` -> `[output, logTotal]`, and
 * `blockwise_attention_grad` `[dOutput, q, k, v, output, logTotal]` -> `[dq, dk, dv]`.
 * @param blockSize  number of keys that are looked at together
 * @throws {ShapeError} when the shapes differ
 * @throws {ConfigError} unless `blockSize` is an integer of at least 1
 */
export function blockwiseAttention(q: Tensor4D, k: Tensor4D, v: Tensor4D, scale: number, blockSize: number): Tensor4D {
  assertShape(k, q.shape, 'blockwiseAttention');
  assertShape(v, q.shape, 'blockwiseAttention');
  assertInteger(blockSize, 'blockSize', 'blockwiseAttention');
  const blocks = { scale, blockSize };
  return differentiable(
    [q, k, v],
    (...operands) => {
      const body = forward(blocks);
      const results = composite('blockwise_attention', blocks, operands, (...tensors) =>
        body(tensors[0]!, tensors[1]!, tensors[2]!),
      );
      return { value: results[0] as Tensor4D, saved: [...operands, ...results] };
    },
    (dOutput, saved) => composite('blockwise_attention_grad', blocks, [dOutput, ...saved], backward(blocks)),
  );
}

/** Full attention that is computed block by block; see {@link blockwiseAttention}. */
class BlockwiseAttention extends Module implements AttentionMechanism {
  readonly #scale: number;
  readonly #blockSize: number;

  constructor({ blockSize, headDim }: { readonly blockSize: number; readonly headDim: number }) {
    super();
    this.#scale = headDim ** -0.5;
    this.#blockSize = blockSize;
  }

  /** Maps `[B, M, N, headDim]` to the same shape. @throws {ShapeError} */
  attend(q: Tensor4D, k: Tensor4D, v: Tensor4D): Tensor4D {
    return blockwiseAttention(q, k, v, this.#scale, this.#blockSize);
  }
}

const schema = z.strictObject({
  /** Number of keys that are looked at together. */
  blockSize: integer(1),
});

/** Row of the kind `blockwise`. */
export const blockwiseKind = {
  schema,
  equalsFull: true,
  problem: ({ blockSize }, { grid }) => {
    const tokens = grid[0] * grid[1];
    return blockSize < tokens ? undefined : `a blockSize below ${tokens} tokens`;
  },
  create: ({ blockSize }, setting): AttentionMechanism => {
    gridOf(setting, 'blockwise');
    return new BlockwiseAttention({ blockSize, headDim: setting.headDim });
  },
} satisfies AttentionKind<typeof schema>;
