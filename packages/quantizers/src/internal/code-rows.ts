import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { assertShape, formatShape, inFullPrecision, ShapeError } from '@vitvq/core';

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
 * stretches, and `uniform` `[K]` in [0, 1) says where in the stretch.
 */
export function pickRows(rows: Tensor2D, uniform: Tensor1D, codebookSize: number, where: string): Tensor2D {
  assertShape(uniform, [codebookSize], where, 'Pass one random number a code.');
  const count = rows.shape[0];
  const places = tf.mul(tf.add(tf.range(0, codebookSize), uniform), count / codebookSize);
  // Rounding may lift the last place to `count` itself.
  return tf.gather(rows, tf.cast(tf.minimum(tf.floor(places), count - 1), 'int32'));
}

/** Returns how often each of the K codes is in `chosen` (int32 `[rows]`), `[K]`. */
export function countCodes(chosen: Tensor1D, codebookSize: number): Tensor1D {
  return tf.unsortedSegmentSum(tf.ones<tf.Rank.R1>([chosen.size]), chosen, codebookSize);
}
