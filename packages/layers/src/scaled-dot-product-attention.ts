import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor4D } from '@tensorflow/tfjs-core';
import { assertShape, composite, Module } from '@vitvq/core';
import { z } from 'zod';
import type { AttentionKind, AttentionMechanism } from './attention-kind.js';
import { differentiable } from './internal/differentiable.js';

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

/** Attention in which every token sees every token, in memory that grows with N². */
class FullAttention extends Module implements AttentionMechanism {
  readonly #scale: number;

  constructor(headDim: number) {
    super();
    this.#scale = headDim ** -0.5;
  }

  /** Maps `[B, M, N, headDim]` to the same shape. @throws {ShapeError} */
  attend(q: Tensor4D, k: Tensor4D, v: Tensor4D): Tensor4D {
    return scaledDotProductAttention(q, k, v, this.#scale);
  }
}

const schema = z.strictObject({});

/** Row of the kind `full`. */
export const fullKind = {
  schema,
  equalsFull: true,
  create: (_config, { headDim }): AttentionMechanism => new FullAttention(headDim),
} satisfies AttentionKind<typeof schema>;
