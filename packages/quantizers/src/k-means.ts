import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { assertInteger, assertShape, checkOptions, type OptionTable } from '@vitvq/core';
import { countCodes, nearestCodes, toRows } from './internal/code-rows.js';
import { normalizeRows } from './internal/normalize-rows.js';
import { weightedRows } from './internal/token-mask.js';

/** Options of {@link kMeans}. */
export interface KMeansOptions {
  /** Rounds of choosing and averaging; at least 1. @default 10 */
  readonly iterations?: number;
  /**
   * Whether rows are compared by cosine and centres kept at length 1 (spherical k-means), as for a
   * quantizer with `normalize`.
   * @default false
   */
  readonly normalize?: boolean;
  /**
   * Which features are real, `[...]`: 1, or 0 for padding, which counts in no mean.
   * @default all are real
   */
  readonly mask?: Tensor;
}

const kMeansOptionNames: OptionTable<KMeansOptions> = {
  iterations: 'optional',
  normalize: 'optional',
  mask: 'optional',
};

/**
 * Moves centres to the middle of clusters by Lloyd's algorithm: every row chooses its nearest
 * centre, every centre moves to the mean of its rows. The number of rounds is fixed, so that it can
 * be compiled. A centre that no row chooses stays where it is.
 * @param z  features, `[..., E]`; not differentiated
 * @param initial  first centres, `[K, E]`, best some of the features
 * @returns  centres `[K, E]`
 * @throws {ShapeError}
 * @throws {ConfigError}
 */
export function kMeans(z: Tensor, initial: Tensor2D, options: KMeansOptions = {}): Tensor2D {
  const { iterations = 10, normalize = false, mask } = checkOptions(options, kMeansOptionNames, 'kMeans');
  assertInteger(iterations, 'iterations', 'kMeans');
  assertShape(initial, ['K', 'E'], 'kMeans, initial');
  const [codebookSize, codeDim] = initial.shape;
  return tf.tidy(() => {
    const scaled = (x: Tensor2D): Tensor2D => (normalize ? normalizeRows(x) : x);
    const { rows, weights } = weightedRows(z, scaled(toRows(z, codeDim, 'kMeans')), mask, 'kMeans');
    let centres = scaled(initial);
    for (let round = 0; round < iterations; round++) {
      const chosen = nearestCodes(rows, centres, normalize);
      const counts = tf.expandDims<Tensor2D>(countCodes(chosen, codebookSize, weights), 1); // [K, 1]
      const means = tf.div<Tensor2D>(tf.unsortedSegmentSum(rows, chosen, codebookSize), tf.maximum(counts, 1));
      const isChosen = tf.tile(tf.greater(counts, 0), [1, codeDim]);
      centres = tf.where(isChosen, scaled(means), centres);
    }
    return centres;
  });
}
