import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import {
  ConfigError,
  Module,
  assertInteger,
  assertShape,
  checkOptions,
  composite,
  prefixReferenceWeights,
  split,
  type OptionTable,
  type RandomKey,
  type ReferenceWeight,
} from '@vitvq/core';
import { differentiable } from './internal/differentiable.js';
import { Linear, linearReferenceWeights } from './linear.js';

function scores(q: Tensor, k: Tensor, scale: number): Tensor {
  return tf.mul(tf.matMul(q, k, false, true), scale); // [B, M, N, N]
}

function forward(scale: number) {
  return (q: Tensor, k: Tensor, v: Tensor): Tensor[] => {
    const probabilities = tf.softmax(scores(q, k, scale));
    return [tf.matMul(probabilities, v), probabilities];
  };
}

/**
 * Returns the gradients of q, k and v. With P = softmax(S), S = scale q·kᵀ and O = P·v,
 * dS = P (dO·vᵀ - rowsum(dO O)), because rowsum(dP P) = rowsum(dO O); the right side needs no sum
 * over `[N, N]`.
 */
function gradients(scale: number, probabilities: Tensor, [dOutput, q, k, v, output]: readonly Tensor[]): Tensor[] {
  const dV = tf.matMul(probabilities, dOutput!, true, false);
  const dProbabilities = tf.matMul(dOutput!, v!, false, true);
  const mean = tf.sum(tf.mul(dOutput!, output!), -1, true); // [B, M, N, 1]
  const dScores = tf.mul(probabilities, tf.sub(dProbabilities, mean));
  return [tf.mul(tf.matMul(dScores, k!), scale), tf.mul(tf.matMul(dScores, q!, true, false), scale), dV];
}

/**
 * Returns softmax(scale q·kᵀ)·v for `[B, M, N, headDim]` (Vaswani et al. 2017, equation 1), where
 * all tokens see all tokens.
 *
 * The memory kept for the backward pass grows with N, not with N²: beyond N = 3 headDim, where the
 * probabilities would take more memory than q, k and v together, only q, k, v and the output are
 * kept and the probabilities are computed again (at 1,024 tokens and 8 heads they take 32 MB an
 * image and layer). Below that, they are kept.
 *
 * Composites: with `recompute: false` `attention` `[q, k, v]` -> `[output, probabilities]` and
 * `attention_grad` `[dOutput, q, k, v, output, probabilities]` -> `[dq, dk, dv]`; with
 * `recompute: true` the result of the former is `[output]` and the operands of the latter are
 * `[dOutput, q, k, v, output]`. First-order gradients only.
 */
export function scaledDotProductAttention(q: Tensor4D, k: Tensor4D, v: Tensor4D, scale: number): Tensor4D {
  assertShape(k, q.shape, 'scaledDotProductAttention');
  assertShape(v, q.shape, 'scaledDotProductAttention');
  const [, , tokens, headDim] = q.shape;
  const recompute = tokens > 3 * headDim;
  const attributes = { scale, recompute };
  return differentiable(
    [q, k, v],
    (...operands) => {
      const body = forward(scale);
      const results = composite('attention', attributes, operands, (...tensors) =>
        body(tensors[0]!, tensors[1]!, tensors[2]!).slice(0, recompute ? 1 : 2),
      );
      return { value: results[0] as Tensor4D, saved: [...operands, ...results] };
    },
    (dOutput, saved) =>
      composite('attention_grad', attributes, [dOutput, ...saved], (...operands) => {
        const probabilities = recompute ? tf.softmax(scores(operands[1]!, operands[2]!, scale)) : operands[5]!;
        return gradients(scale, probabilities, operands);
      }),
  );
}

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
  readonly key: RandomKey;
}

/** Names of the options {@link MultiHeadAttentionOptions}. */
export const multiHeadAttentionOptionNames: OptionTable<MultiHeadAttentionOptions> = {
  dim: 'required',
  numHeads: 'required',
  headDim: 'optional',
  useOutputProjection: 'optional',
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
 * Multi-head self-attention without a mask. Variables: `qkv.weight` `[D, 3·M·headDim]` without a
 * bias (queries, keys, values; within each, head by head), `output.weight` `[M·headDim, D]` and
 * `output.bias`. Scores are scaled by 1/sqrt(headDim).
 */
export class MultiHeadAttention extends Module {
  readonly dim: number;
  readonly numHeads: number;
  readonly headDim: number;
  readonly #qkv: Linear;
  readonly #output: Linear | undefined;

  constructor(options: MultiHeadAttentionOptions) {
    super();
    const {
      dim,
      numHeads,
      headDim,
      useOutputProjection = true,
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
    const [qkvKey, outputKey] = split(key);
    this.#qkv = this.child(
      'qkv',
      new Linear({ inFeatures: dim, outFeatures: 3 * inner, useBias: false, key: qkvKey! }),
    );
    this.#output = useOutputProjection
      ? this.child('output', new Linear({ inFeatures: inner, outFeatures: dim, key: outputKey! }))
      : undefined;
  }

  /** Maps `[B, N, D]` to `[B, N, D]`. @throws {ShapeError} when the last axis is not `dim` */
  apply(x: Tensor3D): Tensor3D {
    assertShape(x, ['B', 'N', this.dim], 'MultiHeadAttention.apply');
    const [batch, tokens] = x.shape;
    const { numHeads, headDim } = this;
    return tf.tidy(() => {
      const projected = this.#qkv.apply(tf.reshape<tf.Rank.R2>(x, [batch * tokens, this.dim]));
      // One transpose for all three, heads of q, k and v side by side.
      const heads = tf.transpose(tf.reshape(projected, [batch, tokens, 3 * numHeads, headDim]), [0, 2, 1, 3]);
      // [B, M, N, headDim] each
      const [q, k, v] = tf.split(heads, 3, 1) as [Tensor4D, Tensor4D, Tensor4D];
      const attended = scaledDotProductAttention(q, k, v, headDim ** -0.5);
      const merged = tf.reshape<tf.Rank.R2>(tf.transpose(attended, [0, 2, 1, 3]), [batch * tokens, numHeads * headDim]);
      return tf.reshape(this.#output?.apply(merged) ?? merged, x.shape);
    });
  }
}

/** Returns the weights of the reference's `Attention`. */
export function multiHeadAttentionReferenceWeights({
  useOutputProjection = true,
}: Pick<MultiHeadAttentionOptions, 'useOutputProjection'> = {}): ReferenceWeight[] {
  return [
    ...prefixReferenceWeights(linearReferenceWeights({ useBias: false }), 'qkv', 'to_qkv'),
    ...(useOutputProjection ? prefixReferenceWeights(linearReferenceWeights(), 'output', 'to_out') : []),
  ];
}
