import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import { Module, split, xavierUniformInitializer, type RandomKey } from '@vitvq/core';
import { z } from 'zod';
import { gridOf, type AttentionKind, type AttentionMechanism } from './attention-kind.js';
import { integer } from './internal/attention-schemas.js';

/** Options of {@link LinformerAttention}. */
export interface LinformerAttentionOptions {
  /** Number of tokens, N. */
  readonly tokens: number;
  /** Number of keys and values that are left, below N. */
  readonly rank: number;
  readonly headDim: number;
  readonly key: RandomKey;
}

/**
 * Attention to keys and values that learned projections over the sequence mix into a few (Wang et
 * al. 2020, arXiv:2006.04768, eq. 7): softmax(q (Eᵀk)ᵀ / sqrt(headDim)) Fᵀv. Time and memory grow
 * with N·rank. Heads share E and F ("headwise sharing", sec. 4); blocks have their own. Variables:
 * `keyProjection` (E) and `valueProjection` (F), `[N, rank]`, Xavier uniform.
 */
export class LinformerAttention extends Module implements AttentionMechanism {
  readonly #keyProjection: Variable<tf.Rank.R2>;
  readonly #valueProjection: Variable<tf.Rank.R2>;
  readonly #scale: number;

  constructor({ tokens, rank, headDim, key }: LinformerAttentionOptions) {
    super();
    const [keyKey, valueKey] = split(key);
    this.#scale = headDim ** -0.5;
    this.#keyProjection = this.variable('keyProjection', xavierUniformInitializer(keyKey!, [tokens, rank]));
    this.#valueProjection = this.variable('valueProjection', xavierUniformInitializer(valueKey!, [tokens, rank]));
  }

  /** Maps `[B, M, N, headDim]` to the same shape. */
  attend(q: Tensor4D, k: Tensor4D, v: Tensor4D): Tensor4D {
    return tf.tidy(() => {
      const scores = tf.mul(tf.matMul(q, mixed(k, this.#keyProjection)), this.#scale); // [B, M, N, rank]
      return tf.matMul(tf.softmax(scores), mixed(v, this.#valueProjection), false, true);
    });
  }
}

/** Maps `[B, M, N, headDim]` to `[B, M, headDim, rank]`, with one product for all. */
function mixed(x: Tensor4D, projection: Variable<tf.Rank.R2>): Tensor {
  const [batch, heads, tokens, headDim] = x.shape;
  const rows = tf.reshape(tf.transpose(x, [0, 1, 3, 2]), [batch * heads * headDim, tokens]);
  return tf.reshape(tf.matMul(rows, projection), [batch, heads, headDim, projection.shape[1]]);
}

const schema = z.strictObject({
  /** Number of keys and values that are left. */
  rank: integer(1),
});

/** Row of the kind `linformer`. */
export const linformerKind = {
  schema,
  equalsFull: false,
  problem: ({ rank }, { grid }) => {
    const tokens = grid[0] * grid[1];
    return rank < tokens ? undefined : `a rank below ${tokens} tokens`;
  },
  create: ({ rank }, setting) => {
    const [rows, columns] = gridOf(setting, 'linformer');
    return new LinformerAttention({ tokens: rows * columns, rank, headDim: setting.headDim, key: setting.key });
  },
} satisfies AttentionKind<typeof schema>;
