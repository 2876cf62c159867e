import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { allocate, Module } from '@vitvq/core';
import { z } from 'zod';
import { gridOf, type AttentionKind, type AttentionMechanism } from './attention-kind.js';
import { hiddenScore } from './attention-mask.js';
import { integer } from './internal/attention-schemas.js';

/** Options of {@link StridedAttention}. */
export interface StridedAttentionOptions {
  /** Number of tokens, N. */
  readonly tokens: number;
  /** Distance l of the far tokens that a token sees, a divisor of N. */
  readonly stride: number;
  readonly headDim: number;
}

/**
 * Attention with the strided pattern of Sparse Transformers (Child et al. 2019, arXiv:1904.10509,
 * sec. 4.3) in both directions: token i sees the tokens j with |i - j| < l and those with
 * (i - j) mod l = 0, under one softmax (the paper's merged head, eq. 8). With l near √N, time and
 * memory grow with N·√N. With l equal to the columns of the grid, the far tokens are those of the
 * same column.
 *
 * No score is computed that the pattern does not ask for, but for the near tokens: a run of l
 * queries meets the 3l keys around it, of which a third is hidden.
 *
 * Deviation: the paper's pattern is causal; images are encoded as a whole here.
 */
export class StridedAttention extends Module implements AttentionMechanism {
  readonly #tokens: number;
  readonly #stride: number;
  readonly #scale: number;

  constructor({ tokens, stride, headDim }: StridedAttentionOptions) {
    super();
    this.#tokens = tokens;
    this.#stride = stride;
    this.#scale = headDim ** -0.5;
  }

  /** Maps `[B, M, N, headDim]` to the same shape. */
  attend(q: Tensor4D, k: Tensor4D, v: Tensor4D): Tensor4D {
    const [batch, heads, , headDim] = q.shape;
    const stride = this.#stride;
    const runs = this.#tokens / stride;
    return tf.tidy(() => {
      // Runs of l neighbours, and the 3l tokens around each.
      const toRuns = (x: Tensor): Tensor4D => tf.reshape(x, [batch, heads * runs, stride, headDim]);
      const around = (x: Tensor4D): Tensor4D => {
        const padded = tf.pad(tf.reshape(x, [batch * heads, runs, stride * headDim]), [
          [0, 0],
          [1, 1],
          [0, 0],
        ]);
        const parts = [0, 1, 2].map((from) => tf.slice(padded, [0, from, 0], [-1, runs, -1]));
        return tf.reshape(tf.concat(parts, 2), [batch, heads * runs, 3 * stride, headDim]);
      };
      // Tokens that are l apart: l groups of N / l.
      const toGroups = (x: Tensor): Tensor4D =>
        tf.reshape(swap(tf.reshape(x, [batch * heads, runs, stride, headDim])), [batch, heads * stride, runs, headDim]);
      const byGroup = (x: Tensor, width: number): Tensor4D => tf.reshape(x, [batch * heads, stride, runs, width]);

      const near = tf.mul(tf.matMul(toRuns(q), around(k), false, true), this.#scale); // [B, M runs, l, 3l]
      const far = tf.mul(tf.matMul(toGroups(q), toGroups(k), false, true), this.#scale);
      const scores = tf.concat(
        [
          tf.add(tf.add(near, this.#band()), this.#ends(heads)),
          tf.reshape(swap(byGroup(tf.add(far, this.#diagonal()), runs)), [batch, heads * runs, stride, runs]),
        ],
        3,
      );
      const [ofNear, ofFar] = tf.split(tf.softmax(scores), [3 * stride, runs], 3) as [Tensor, Tensor];
      const fromNear = tf.matMul(ofNear, around(v)); // [B, M runs, l, headDim]
      const probabilities = swap(tf.reshape(ofFar, [batch * heads, runs, stride, runs]));
      const fromFar = tf.matMul(tf.reshape(probabilities, [batch, heads * stride, runs, runs]), toGroups(v));
      return tf.reshape(tf.add(fromNear, toRuns(swap(byGroup(fromFar, headDim)))), q.shape);
    });
  }

  /** Hides, among the 3l tokens around a run, those at a distance of l or more: `[l, 3l]`. */
  #band(): Tensor {
    const stride = this.#stride;
    const mask = allocate([stride, 3 * stride], 'StridedAttention', (size) => new Float32Array(size));
    for (let query = 0; query < stride; query++) {
      for (let key = 0; key < 3 * stride; key++) {
        if (Math.abs(key - stride - query) >= stride) mask[query * 3 * stride + key] = hiddenScore;
      }
    }
    return tf.tensor2d(mask, [stride, 3 * stride]);
  }

  /** Hides what would be before the first token and after the last, `[M runs, 1, 3l]`. */
  #ends(heads: number): Tensor {
    const stride = this.#stride;
    const runs = this.#tokens / stride;
    const shape = [heads * runs, 1, 3 * stride];
    const mask = allocate(shape, 'StridedAttention', (size) => new Float32Array(size));
    for (let head = 0; head < heads; head++) {
      const first = head * runs * 3 * stride;
      mask.fill(hiddenScore, first, first + stride);
      const end = first + runs * 3 * stride;
      mask.fill(hiddenScore, end - stride, end);
    }
    return tf.tensor(mask, shape);
  }

  /** Hides each token from itself among the far ones, since it is near: `[N / l, N / l]`. */
  #diagonal(): Tensor {
    const runs = this.#tokens / this.#stride;
    const mask = allocate([runs, runs], 'StridedAttention', (size) => new Float32Array(size));
    for (let run = 0; run < runs; run++) mask[run * (runs + 1)] = hiddenScore;
    return tf.tensor2d(mask, [runs, runs]);
  }
}

/** Swaps the two axes in the middle. */
function swap(x: Tensor4D): Tensor4D {
  return tf.transpose(x, [0, 2, 1, 3]);
}

const schema = z.strictObject({
  /** Distance of the far tokens that a token sees. */
  stride: integer(2),
});

/** Row of the kind `strided`. */
export const stridedKind = {
  schema,
  equalsFull: false,
  problem: ({ stride }, { grid }) => {
    const tokens = grid[0] * grid[1];
    return tokens % stride === 0 && stride < tokens ? undefined : `a stride below ${tokens} tokens that divides them`;
  },
  create: ({ stride }, setting) => {
    const [rows, columns] = gridOf(setting, 'strided');
    return new StridedAttention({ tokens: rows * columns, stride, headDim: setting.headDim });
  },
} satisfies AttentionKind<typeof schema>;
