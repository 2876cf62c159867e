import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertShape } from '@vitvq/core';
import type { QuantizeContext, QuantizeResult } from '@vitvq/core';

/** Returns 1 for each row that a mask calls real, and 0 for others, `[rows]`. */
function rowWeights(mask: Tensor): Tensor1D {
  return tf.cast(tf.greater(tf.reshape<tf.Rank.R1>(mask, [-1]), 0), 'float32');
}

/** Returns `rows` `[rows, E]` with 0 wherever a weight is 0, also in place of NaN. */
function withoutPadding(rows: Tensor2D, weights: Tensor1D): Tensor2D {
  const isReal = tf.tile(tf.expandDims(tf.greater(weights, 0), 1), [1, rows.shape[1]]);
  return tf.where(isReal, rows, tf.zerosLike(rows));
}

/** Rows of features and how much each of them counts. */
export interface WeightedRows {
  /** `[rows, E]`, 0 where nothing counts. */
  readonly rows: Tensor2D;
  /** 1, or 0 for padding, `[rows]`; undefined where all count. */
  readonly weights?: Tensor1D;
}

/**
 * Returns `rows` `[rows, E]` of features `[..., E]` with the weights of a mask `[...]`.
 * @throws {ShapeError} for a mask of another shape
 */
export function weightedRows(z: Tensor, rows: Tensor2D, mask: Tensor | undefined, where: string): WeightedRows {
  if (!mask) return { rows };
  assertShape(mask, z.shape.slice(0, -1), `${where}, mask`);
  const weights = rowWeights(mask);
  return { rows: withoutPadding(rows, weights), weights };
}

/**
 * Returns what `quantize` makes of features, with the features themselves and index 0 in the place
 * of padding. It gets the features with 0 in the place of padding, and the weight of each token,
 * `[B·N]`; undefined where all are real.
 * @throws {ShapeError} for a mask of another shape
 */
export function quantizeReal<R extends QuantizeResult>(
  z: Tensor3D,
  mask: QuantizeContext['mask'],
  where: string,
  quantize: (z: Tensor3D, weights?: Tensor1D) => R,
): { quantized: Tensor3D; indices: R['indices']; loss: R['loss'] } {
  if (mask) assertShape(mask, z.shape.slice(0, 2), `${where}, mask`);
  return tf.tidy(() => {
    if (!mask) {
      const { quantized, indices, loss } = quantize(z);
      return { quantized, indices, loss };
    }
    const weights = rowWeights(mask);
    const isReal = tf.tile(tf.greater(tf.expandDims(mask, 2), 0), [1, 1, z.shape[2]]);
    const { quantized, indices, loss } = quantize(tf.where(isReal, z, tf.zerosLike(z)), weights);
    const counted = tf.cast(tf.greater(mask, 0), 'int32');
    return {
      quantized: tf.where(isReal, quantized, z),
      indices: tf.mul<R['indices']>(indices, indices.rank === 2 ? counted : tf.expandDims(counted, 2)),
      loss,
    };
  });
}
