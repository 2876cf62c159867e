import * as tf from '@tensorflow/tfjs-core';
import type { Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  checkOptions,
  ConfigError,
  Module,
  prefixReferenceWeights,
  split,
  type OptionTable,
  type RandomKey,
  type ReferenceWeight,
} from '@vitvq/core';
import type { AttentionMechanism } from './attention-kind.js';
import { attentionKinds, createAttention, type AttentionConfig } from './attention-kinds.js';
import { Linear, linearReferenceWeights } from './linear.js';

/** Options of {@link MultiHeadAttention}. */
export interface MultiHeadAttentionOptions {
  /** Width of a token. */
  readonly dim: number;
  /** Number of heads. */
  readonly numHeads: number;
  /** Width of a head. @default dim / numHeads */
  readonly headDim?: number;
  /**
   * Whether a dense layer mixes the heads; the reference leaves this layer out for one head of full
   * width. @default true
   */
  readonly useOutputProjection?: boolean;
  /** Kind of attention: which tokens see which, and how. @default { kind: 'full' } */
  readonly attention?: AttentionConfig;
  /**
   * Rows and columns of the tokens, in raster order; a sequence of N tokens has the grid `[1, N]`.
   * Every kind but `full` and `performer` needs it. @default any number of tokens
   */
  readonly grid?: readonly [number, number];
  /**
   * Number of the block from 0, for kinds that change from block to block (`windowed`, `axial`).
   * @default 0
   */
  readonly blockIndex?: number;
  readonly key: RandomKey;
}

/** Names of the options {@link MultiHeadAttentionOptions}. */
export const multiHeadAttentionOptionNames: OptionTable<MultiHeadAttentionOptions> = {
  dim: 'required',
  numHeads: 'required',
  headDim: 'optional',
  useOutputProjection: 'optional',
  attention: 'optional',
  grid: 'optional',
  blockIndex: 'optional',
  key: 'required',
};

/**
 * Returns `headDim`, or an equal part of `dim`.
 * @throws {ConfigError} when there is no equal part
 */
function resolveHeadDim(dim: number, numHeads: number, headDim: number | undefined, where: string): number {
  assertInteger(dim, 'dim', where);
  assertInteger(numHeads, 'numHeads', where);
  const resolved = headDim ?? dim / numHeads;
  if (headDim === undefined && !Number.isInteger(resolved)) {
    throw new ConfigError({
      where,
      expected: `dim to be a multiple of numHeads ${numHeads}`,
      got: String(dim),
      fix: 'Give headDim to choose another head width.',
    });
  }
  assertInteger(resolved, 'headDim', where);
  return resolved;
}

/**
 * Multi-head self-attention in both directions. Variables: `qkv.weight` `[D, 3·M·headDim]` without
 * a bias (queries, keys, values; within each, head by head), `output.weight` `[M·headDim, D]` and
 * `output.bias`, and `mechanism.…` where the kind of attention has variables of its own. Scores are
 * scaled by 1/sqrt(headDim).
 */
export class MultiHeadAttention extends Module {
  readonly dim: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly #tokens: number | undefined;
  readonly #qkv: Linear;
  readonly #output: Linear | undefined;
  readonly #mechanism: AttentionMechanism;

  constructor(options: MultiHeadAttentionOptions) {
    super();
    const {
      dim,
      numHeads,
      headDim,
      useOutputProjection = true,
      attention = { kind: 'full' },
      grid,
      blockIndex = 0,
      key,
    } = checkOptions(options, multiHeadAttentionOptionNames, 'MultiHeadAttention', { allowOthers: true });
    this.dim = dim;
    this.numHeads = numHeads;
    this.headDim = resolveHeadDim(dim, numHeads, headDim, 'MultiHeadAttention');
    const inner = numHeads * this.headDim;
    if (!useOutputProjection && inner !== dim) {
      throw new ConfigError({
        where: 'MultiHeadAttention',
        expected: `numHeads x headDim to equal dim ${dim} without an output projection`,
        got: String(inner),
      });
    }
    for (const side of grid ?? []) assertInteger(side, 'a side of grid', 'MultiHeadAttention');
    assertInteger(blockIndex, 'blockIndex', 'MultiHeadAttention', 0);
    this.#tokens = grid && grid[0] * grid[1];
    const [qkvKey, outputKey, mechanismKey] = split(key, 3);
    this.#qkv = this.child(
      'qkv',
      new Linear({ inFeatures: dim, outFeatures: 3 * inner, useBias: false, shard: 'outputs', key: qkvKey! }),
    );
    this.#output = useOutputProjection
      ? this.child('output', new Linear({ inFeatures: inner, outFeatures: dim, shard: 'inputs', key: outputKey! }))
      : undefined;
    const setting = { numHeads, headDim: this.headDim, grid, blockIndex, key: mechanismKey! };
    this.#mechanism = this.child('mechanism', createAttention(attention, setting, 'MultiHeadAttention'));
  }

  /**
   * Maps `[B, N, D]` to `[B, N, D]`.
   * @throws {ShapeError} when the last axis is not `dim`, or `grid` has not N tokens
   */
  apply(x: Tensor3D): Tensor3D {
    assertShape(x, ['B', this.#tokens ?? 'N', this.dim], 'MultiHeadAttention.apply');
    const [batch, tokens] = x.shape;
    const { numHeads, headDim } = this;
    return tf.tidy(() => {
      const projected = this.#qkv.apply(tf.reshape<tf.Rank.R2>(x, [batch * tokens, this.dim]));
      // One transpose for all three, heads of q, k and v side by side.
      const heads = tf.transpose(tf.reshape(projected, [batch, tokens, 3 * numHeads, headDim]), [0, 2, 1, 3]);
      // [B, M, N, headDim] each
      const [q, k, v] = tf.split(heads, 3, 1) as [Tensor4D, Tensor4D, Tensor4D];
      const attended = this.#mechanism.attend(q, k, v);
      const merged = tf.reshape<tf.Rank.R2>(tf.transpose(attended, [0, 2, 1, 3]), [batch * tokens, numHeads * headDim]);
      return tf.reshape(this.#output?.apply(merged) ?? merged, x.shape);
    });
  }
}

/**
 * Returns the weights of the reference's `Attention`.
 * @throws {ConfigError} for a kind of attention that computes something else than the reference's
 */
export function multiHeadAttentionReferenceWeights({
  useOutputProjection = true,
  attention = { kind: 'full' },
}: Pick<MultiHeadAttentionOptions, 'useOutputProjection' | 'attention'> = {}): ReferenceWeight[] {
  if (!attentionKinds[attention.kind].equalsFull) {
    throw new ConfigError({
      where: 'multiHeadAttentionReferenceWeights',
      expected: 'an attention that computes what the reference computes (full, blockwise)',
      got: JSON.stringify(attention),
    });
  }
  return [
    ...prefixReferenceWeights(linearReferenceWeights({ useBias: false }), 'qkv', 'to_qkv'),
    ...(useOutputProjection ? prefixReferenceWeights(linearReferenceWeights(), 'output', 'to_out') : []),
  ];
}
