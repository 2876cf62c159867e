import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { inFullPrecision } from '@vitvq/core';
import type { CodeTable } from '../code-table.js';
import { countCodes } from './code-rows.js';
import { entropy } from './entropy.js';
import { normalizeRows } from './normalize-rows.js';
import { meanRow } from './row-means.js';

/** Weight and temperature of the diversity term. */
export interface DiversityOptions {
  readonly diversityWeight: number;
  readonly diversityTemperature: number;
}

/**
 * Returns the diversity term of a table's codes with its weight, where it has one.
 * @param features  as they are compared, `[rows, E]`
 * @param weights  1, or 0 for a row that does not count, `[rows]`; undefined: all count
 */
export function diversityTerms(
  table: CodeTable,
  features: Tensor2D,
  { diversityWeight, diversityTemperature }: DiversityOptions,
  weights?: Tensor1D,
): Scalar[] {
  if (diversityWeight === 0) return [];
  return [tf.mul(diversityTerm(table.negativeDistances(features), diversityTemperature, weights), diversityWeight)];
}

/**
 * Returns ln K - H[mean q] over the rows, in nats, at least 0: how unevenly features lie near the
 * codes.
 * @param logits  minus squared distances, `[rows, K]`; q is the softmax of them by the temperature
 */
function diversityTerm(logits: Tensor2D, temperature: number, weights?: Tensor1D): Scalar {
  const mean = meanRow(tf.softmax(tf.div<Tensor2D>(logits, temperature)), weights); // [K]
  // Rounding may leave a uniform distribution just below 0.
  return tf.relu(tf.sub(Math.log(logits.shape[1]), entropy(mean)));
}

/**
 * Returns the mean of the squared cosines of all n² pairs of codes, without the 1 / n of each code
 * with itself, at least 0 (arXiv:2112.00384, equation 2). The sum over the pairs is the squared
 * norm of the `[E, E]` matrix of products of channels, so that no `[K, K]` matrix is needed.
 * @param codes  `[K, E]`, of any length
 * @param chosen  int32 `[rows]`; with it, only codes that are chosen count
 * @param weights  1, or 0 for a row that does not count, `[rows]`; undefined: all count
 */
export function orthogonalityTerm(codes: Tensor2D, chosen?: Tensor1D, weights?: Tensor1D): Scalar {
  const counts = chosen ? countCodes(chosen, codes.shape[0], weights) : tf.ones<tf.Rank.R1>([codes.shape[0]]);
  const isActive = tf.cast(tf.greater(counts, 0), 'float32'); // [K]
  const active = tf.mul<Tensor2D>(normalizeRows(codes), tf.expandDims(isActive, 1));
  const count = tf.maximum(tf.sum(isActive), 1);
  const squares = tf.sum(tf.square(inFullPrecision(() => tf.matMul(active, active, true))));
  return tf.relu(tf.sub<Scalar>(tf.div(squares, tf.square(count)), tf.reciprocal(count)));
}
