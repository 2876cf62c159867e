import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { assertShape, formatShape, inFullPrecision, ShapeError } from '@vitvq/core';
import type { WeightedRows } from './token-mask.js';

/**
 * Returns the index of the nearest code of each row, int32 `[rows]`. `codes` `[K, E]` of length 1
 * (`unitCodes`) are compared by their product with the rows, which need not be normalised then;
 * others by Euclidean distance, without the squared length of the rows, which is the same for all
 * codes.
 */
export function nearestCodes(rows: Tensor2D, codes: Tensor2D, unitCodes: boolean): Tensor1D {
  const products = inFullPrecision(() => tf.matMul(rows, codes, false, true)); // [rows, K]
  const closeness = unitCodes ? products : tf.sub(products, tf.mul(tf.sum(tf.square(codes), 1), 0.5));
  return tf.argMax<Tensor1D>(closeness, 1);
}

/**
 * Returns minus the squared distance of each row `[rows, E]` to each code `[K, E]`, `[rows, K]`,
 * but for what is the same for all codes of a row and cancels in a softmax. For codes of length 1
 * (`unitCodes`) that is twice their product with the rows.
 */
export function negativeDistances(rows: Tensor2D, codes: Tensor2D, unitCodes: boolean): Tensor2D {
  const products = tf.mul<Tensor2D>(
    inFullPrecision(() => tf.matMul(rows, codes, false, true)),
    2,
  );
  return unitCodes ? products : tf.sub(products, tf.sum(tf.square(codes), 1));
}

/** Returns `z` `[..., E]` as rows `[rows, E]`. @throws {ShapeError} */
export function toRows(z: Tensor, codeDim: number, where: string): Tensor2D {
  if (z.rank < 2 || z.shape.at(-1) !== codeDim) {
    throw new ShapeError({ where, expected: `z [..., ${codeDim}] (codeDim)`, got: formatShape(z.shape) });
  }
  return tf.reshape<tf.Rank.R2>(z, [-1, codeDim]);
}

/**
 * Returns one row for each of K codes, `[K, E]`: code k takes one from the k-th of K equal
 * stretches of the rows that count, and `uniform` `[K]` in [0, 1) says where in the stretch.
 */
export function pickRows(
  { rows, weights }: WeightedRows,
  uniform: Tensor1D,
  codebookSize: number,
  where: string,
): Tensor2D {
  assertShape(uniform, [codebookSize], where, 'Pass one random number a code.');
  const count = weights ? tf.sum<Scalar>(weights) : tf.scalar(rows.shape[0]);
  const places = tf.mul(tf.add(tf.range(0, codebookSize), uniform), tf.div(count, codebookSize));
  // Rounding may lift the last place to `count` itself.
  const ranks = tf.cast(tf.maximum(tf.minimum(tf.floor(places), tf.sub(count, 1)), 0), 'int32');
  return tf.gather(rows, weights ? tf.gather(countedRows(weights), ranks) : ranks);
}

/** Returns the numbers of the rows of weight 1 in their order, int32 `[rows]`, then others. */
function countedRows(weights: Tensor1D): Tensor1D {
  const { size } = weights;
  const ranks = tf.sub(tf.cumsum(weights), 1);
  const places = tf.where(tf.greater(weights, 0), ranks, tf.fill([size], size)) as Tensor1D;
  const numbers = tf.unsortedSegmentSum(tf.range(0, size), tf.cast(places, 'int32'), size + 1);
  return tf.cast(tf.slice(numbers, [0], [size]), 'int32');
}

/**
 * Returns how often each of the K codes is in `chosen` (int32 `[rows]`), `[K]`.
 * @param weights  1, or 0 for a row that does not count, `[rows]`; undefined: all count
 */
export function countCodes(chosen: Tensor1D, codebookSize: number, weights?: Tensor1D): Tensor1D {
  return tf.unsortedSegmentSum(weights ?? tf.ones<tf.Rank.R1>([chosen.size]), chosen, codebookSize);
}
