import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D, Variable } from '@tensorflow/tfjs-core';
import { allocate, detach, foldIn, Module, randomNormal, split, type HostTensor, type RandomKey } from '@vitvq/core';
import { z } from 'zod';
import type { AttentionKind, AttentionMechanism } from './attention-kind.js';
import { integer } from './internal/attention-schemas.js';

/** Options of {@link PerformerAttention}. */
export interface PerformerAttentionOptions {
  /** Number of random features, m. */
  readonly features: number;
  readonly headDim: number;
  /** Draws the directions of the features. */
  readonly key: RandomKey;
}

/**
 * Attention whose softmax is estimated with positive orthogonal random features (Performer, FAVOR+;
 * Choromanski et al. 2021, arXiv:2009.14794, lemma 1 and sec. 2.3-2.4): exp(q·k) is the mean of
 * φ(q)·φ(k) with φ(x) = exp(ω·x - |x|²/2) over directions ω, so that sums over keys are made once
 * for all queries. Time and memory grow with N·m. The variable `features` `[m, headDim]` is not
 * trained: checkpoints keep the directions, which heads share.
 *
 * Deviation: the largest exponents, which the authors' code subtracts for all features of the keys
 * at once, are subtracted for each feature and added to that of the queries. They cancel exactly,
 * no feature of the keys vanishes, and the denominator is at least 1; the authors' code adds 1e-6
 * to every feature instead.
 */
export class PerformerAttention extends Module implements AttentionMechanism {
  readonly #features: Variable<tf.Rank.R2>;
  readonly #scale: number;

  constructor({ features, headDim, key }: PerformerAttentionOptions) {
    super();
    this.#scale = headDim ** -0.25;
    this.#features = this.variable('features', orthogonalFeatures(key, features, headDim), { trainable: false });
  }

  /** Maps `[B, M, N, headDim]` to the same shape. */
  attend(q: Tensor4D, k: Tensor4D, v: Tensor4D): Tensor4D {
    return tf.tidy(() => {
      const keys = tf.mul(k, this.#scale);
      const ofKeys = tf.sub(this.#project(keys), tf.mul(tf.sum(tf.square(keys), -1, true), 0.5));
      const largest = detach(tf.max(ofKeys, 2, true)); // [B, M, 1, m]
      // |q|²/2 is the same for all keys and cancels.
      const ofQueries = tf.add(this.#project(tf.mul(q, this.#scale)), largest);
      const keyFeatures = tf.exp(tf.sub(ofKeys, largest)); // [B, M, N, m]
      const queryFeatures = tf.exp(tf.sub(ofQueries, detach(tf.max(ofQueries, 3, true))));
      const sums = tf.matMul(queryFeatures, tf.matMul(keyFeatures, v, true)); // [B, M, N, headDim]
      const counts = tf.matMul(queryFeatures, tf.sum(keyFeatures, 2, true), false, true); // [B, M, N, 1]
      return tf.div(sums, counts);
    });
  }

  /** Returns ω·x for all directions, `[B, M, N, m]`. */
  #project(x: Tensor): Tensor {
    const [batch, heads, tokens, headDim] = x.shape as [number, number, number, number];
    const rows = tf.reshape<tf.Rank.R2>(x, [batch * heads * tokens, headDim]);
    const projected = tf.matMul(rows, this.#features, false, true);
    return tf.reshape(projected, [batch, heads, tokens, this.#features.shape[0]]);
  }
}

/**
 * Draws `count` directions of `dim` dimensions: orthogonal to each other within each group of
 * `dim`, with the lengths of independent normal vectors, so that each is N(0, 1) by itself.
 */
function orthogonalFeatures(key: RandomKey, count: number, dim: number): HostTensor {
  const shape = [count, dim];
  key[2]?.takeVariable(shape);
  const data = allocate(shape, 'PerformerAttention', (size) => new Float32Array(size));
  if (key[2]) return { shape, data };
  const [directionKey, lengthKey] = split(key) as [RandomKey, RandomKey];
  for (let first = 0; first < count; first += dim) {
    const lengths = randomNormal(foldIn(lengthKey, first), dim * dim);
    orthonormalRows(foldIn(directionKey, first), dim)
      .slice(0, count - first)
      .forEach((direction, row) => {
        const length = norm(lengths.subarray(row * dim, (row + 1) * dim));
        data.set(
          direction.map((value) => value * length),
          (first + row) * dim,
        );
      });
  }
  return { shape, data };
}

/** Returns the length of a vector, from operations that are the same on every platform. */
function norm(vector: Float32Array | Float64Array): number {
  let squares = 0;
  for (const value of vector) squares += value * value;
  return Math.sqrt(squares);
}

/** Draws a random basis of `dim` orthonormal vectors, by Gram-Schmidt on normal vectors. */
function orthonormalRows(key: RandomKey, dim: number): Float64Array[] {
  const drawn = randomNormal(key, dim * dim);
  const rows: Float64Array[] = [];
  for (let index = 0; index < dim; index++) {
    const row = Float64Array.from(drawn.subarray(index * dim, (index + 1) * dim));
    // Twice, since the first time leaves rounding errors where rows are nearly dependent.
    for (const other of [...rows, ...rows]) {
      const along = other.reduce((sum, value, at) => sum + value * row[at]!, 0);
      other.forEach((value, at) => (row[at]! -= along * value));
    }
    const length = norm(row);
    rows.push(row.map((value) => value / length));
  }
  return rows;
}

const schema = z.strictObject({
  /** Number of random features, m. */
  features: integer(1),
});

/** Row of the kind `performer`. */
export const performerKind = {
  schema,
  equalsFull: false,
  create: ({ features }, { headDim, key }) => new PerformerAttention({ features, headDim, key }),
} satisfies AttentionKind<typeof schema>;
