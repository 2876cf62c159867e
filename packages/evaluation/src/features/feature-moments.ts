import { assertInteger, ConfigError, DataError, formatShape, ShapeError } from '@vitvq/core';
import { addWeightedRows } from '../internal/linear-algebra.js';
import { assertFeatureRows, type FeatureRows } from './feature-rows.js';

/** Mean and covariance of features. */
export interface FeatureStatistics {
  /** Number of images, at least 2. */
  readonly count: number;
  /** Width of the features, D. */
  readonly dim: number;
  /** `[D]`. */
  readonly mean: Float64Array;
  /** `[D, D]` row-major: products of deviations, divided by `count - 1`. */
  readonly covariance: Float64Array;
}

/**
 * Accumulates mean and covariance of features in float64, batch by batch, so that the features of a
 * data set need not be in memory. Values are counted from the first row, so that a large mean does
 * not swallow small variances.
 */
export class FeatureMoments {
  readonly #dim: number;
  readonly #origin: Float64Array;
  readonly #sums: Float64Array;
  /** Sums of products of a row's components, in the upper triangle. */
  readonly #products: Float64Array;
  #count = 0;

  /**
   * @param dim  width of the features
   * @throws {ConfigError} unless the width is a positive integer
   */
  constructor(dim: number) {
    assertInteger(dim, 'dim', 'FeatureMoments');
    this.#dim = dim;
    this.#origin = new Float64Array(dim);
    this.#sums = new Float64Array(dim);
    this.#products = new Float64Array(dim * dim);
  }

  /** Number of rows so far. */
  get count(): number {
    return this.#count;
  }

  /**
   * Adds the rows of a batch.
   * @throws {ShapeError} for features of another width
   * @throws {DataError} for values that are not finite
   */
  add(features: FeatureRows): void {
    const dim = this.#dim;
    const rows = assertFeatureRows(features, 'features', 'FeatureMoments.add', { minimum: 0, dim });
    if (rows === 0) return;
    if (this.#count === 0) this.#origin.set(features.data.subarray(0, dim));
    const deviations = new Float64Array(rows * dim);
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < dim; i++) {
        const deviation = features.data[row * dim + i]! - this.#origin[i]!;
        deviations[row * dim + i] = deviation;
        this.#sums[i]! += deviation;
      }
    }
    for (let i = 0; i < dim; i++) {
      const own = Float64Array.from({ length: rows }, (_, row) => deviations[row * dim + i]!);
      addWeightedRows(this.#products.subarray(i * dim + i, (i + 1) * dim), own, deviations, i, dim);
    }
    this.#count += rows;
  }

  /** Returns the statistics so far. @throws {DataError} for fewer than two rows */
  result(): FeatureStatistics {
    const [dim, count] = [this.#dim, this.#count];
    if (count < 2) {
      throw new DataError({ where: 'FeatureMoments.result', expected: 'at least 2 images', got: String(count) });
    }
    const mean = this.#sums.map((sum, i) => this.#origin[i]! + sum / count);
    const covariance = new Float64Array(dim * dim);
    for (let i = 0; i < dim; i++) {
      for (let j = i; j < dim; j++) {
        const sum = this.#products[i * dim + j]! - (this.#sums[i]! / count) * this.#sums[j]!;
        covariance[i * dim + j] = covariance[j * dim + i] = sum / (count - 1);
      }
    }
    return { count, dim, mean, covariance };
  }
}

/** Returns mean and covariance of features that are in memory. @throws as `FeatureMoments` */
export function featureStatistics(features: FeatureRows): FeatureStatistics {
  const moments = new FeatureMoments(features.dim);
  moments.add(features);
  return moments.result();
}

/**
 * Returns the statistics of all images together from those of disjoint parts.
 * @throws {ConfigError} without parts
 * @throws {ShapeError} for parts of different widths
 */
export function combineStatistics(parts: readonly FeatureStatistics[]): FeatureStatistics {
  const where = 'combineStatistics';
  const [first] = parts;
  if (!first) throw new ConfigError({ where, expected: 'at least one part', got: 'none' });
  const { dim } = first;
  const count = parts.reduce((total, part) => total + part.count, 0);
  const mean = new Float64Array(dim);
  for (const part of parts) {
    assertSameDim(first, part, where);
    for (let i = 0; i < dim; i++) mean[i]! += (part.mean[i]! * part.count) / count;
  }
  const covariance = new Float64Array(dim * dim);
  for (const part of parts) {
    const offset = part.mean.map((value, i) => value - mean[i]!);
    for (let i = 0; i < dim; i++) {
      const weight = offset[i]! * part.count;
      for (let j = 0; j < dim; j++) {
        const at = i * dim + j;
        covariance[at]! += (part.covariance[at]! * (part.count - 1) + weight * offset[j]!) / (count - 1);
      }
    }
  }
  return { count, dim, mean, covariance };
}

/** Throws unless two statistics are of features of the same width. @throws {ShapeError} */
export function assertSameDim(a: FeatureStatistics, b: FeatureStatistics, where: string): void {
  if (a.dim === b.dim) return;
  const [expected, got] = [a, b].map(({ dim }) => `statistics of features ${formatShape(['N', dim])}`);
  throw new ShapeError({ where, expected: expected!, got: got! });
}
