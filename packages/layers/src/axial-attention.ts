import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';
import { Module } from '@vitvq/core';
import { z } from 'zod';
import { gridOf, type AttentionKind, type AttentionMechanism } from './attention-kind.js';
import { scaledDotProductAttention } from './scaled-dot-product-attention.js';

/** Axis of the grid along which a block attends. */
export type AttentionAxis = 'row' | 'column';

/** Options of {@link AxialAttention}. */
export interface AxialAttentionOptions {
  readonly grid: readonly [number, number];
  /** Whether a token sees the tokens of its row or of its column. */
  readonly axis: AttentionAxis;
  readonly headDim: number;
}

/**
 * Attention along one axis of the grid (Ho et al. 2019, arXiv:1912.12180, sec. 3): a token sees the
 * tokens of its row, or of its column. Blocks along rows and blocks along columns take turns, so
 * that two of them connect all tokens; time and memory grow with N·√N.
 */
export class AxialAttention extends Module implements AttentionMechanism {
  readonly #grid: readonly [number, number];
  readonly #axis: AttentionAxis;
  readonly #scale: number;

  constructor({ grid, axis, headDim }: AxialAttentionOptions) {
    super();
    this.#grid = grid;
    this.#axis = axis;
    this.#scale = headDim ** -0.5;
  }

  /** Maps `[B, M, N, headDim]` to the same shape. */
  attend(q: Tensor4D, k: Tensor4D, v: Tensor4D): Tensor4D {
    const [batch, heads, tokens, headDim] = q.shape;
    const [rows, columns] = this.#grid;
    return tf.tidy(() => {
      if (this.#axis === 'row') {
        const lines = (x: Tensor4D): Tensor4D => tf.reshape(x, [batch, heads * rows, columns, headDim]);
        const attended = scaledDotProductAttention(lines(q), lines(k), lines(v), this.#scale);
        return tf.reshape(attended, [batch, heads, tokens, headDim]);
      }
      const swapped = (x: Tensor4D, from: number, to: number): tf.Tensor =>
        tf.transpose(tf.reshape(x, [batch * heads, from, to, headDim]), [0, 2, 1, 3]);
      const lines = (x: Tensor4D): Tensor4D =>
        tf.reshape(swapped(x, rows, columns), [batch, heads * columns, rows, headDim]);
      const attended = scaledDotProductAttention(lines(q), lines(k), lines(v), this.#scale);
      return tf.reshape(swapped(attended, columns, rows), [batch, heads, tokens, headDim]);
    });
  }
}

const schema = z.strictObject({});

/** Row of the kind `axial`. */
export const axialKind = {
  schema,
  equalsFull: false,
  problem: (_config, { grid, depth }) => {
    if (Math.min(...grid) === 1) return `rows and columns of several tokens each, which ${grid.join('x')} has not`;
    return depth === 1 ? 'two blocks or more, which attend along rows and along columns in turn' : undefined;
  },
  create: (_config, setting) =>
    new AxialAttention({
      grid: gridOf(setting, 'axial'),
      axis: setting.blockIndex % 2 === 0 ? 'row' : 'column',
      headDim: setting.headDim,
    }),
} satisfies AttentionKind<typeof schema>;
