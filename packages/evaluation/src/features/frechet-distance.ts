import { assertMembers, DataError } from '@vitvq/core';
import { pivotedCholesky, sandwich, symmetricEigenvalues } from '../internal/linear-algebra.js';
import { assertSameDim, type FeatureStatistics } from './feature-moments.js';

const where = 'frechetDistance';

/**
 * Returns the Fréchet distance of two normal distributions,
 * `|μ₁ - μ₂|² + tr(Σ₁ + Σ₂ - 2 (Σ₁Σ₂)^½)` (Heusel et al. 2017, arXiv:1706.08500): FID where the
 * features are those of the Inception network that the field uses, and of no meaning to others
 * where they are not. The value falls with the number of images; compare equal numbers only.
 *
 * The trace of the square root is the sum of the square roots of the eigenvalues of `G Σ₂ Gᵀ`, with
 * `Σ₁ = GᵀG`, which is symmetric and has the eigenvalues of `Σ₁Σ₂`. Everything is float64. Nothing
 * is added to the diagonals, since singular matrices need no special care here.
 * @throws {ShapeError} for features of different widths
 * @throws {DataError} for statistics that are not finite
 */
export function frechetDistance(a: FeatureStatistics, b: FeatureStatistics): number {
  return frechetDistanceFrom(a)(b);
}

/**
 * Returns a function that gives the distances of others from one distribution, as
 * {@link frechetDistance} does, for which that one is decomposed only once.
 */
export function frechetDistanceFrom(origin: FeatureStatistics): (other: FeatureStatistics) => number {
  assertStatistics(origin);
  const { dim } = origin;
  const { rank, factor } = pivotedCholesky(origin.covariance, dim);
  return (other) => {
    assertStatistics(other);
    assertSameDim(origin, other, where);
    const eigenvalues = symmetricEigenvalues(sandwich(factor, rank, other.covariance, dim), rank);
    let distance = 0;
    for (let i = 0; i < dim; i++) {
      const variances = origin.covariance[i * dim + i]! + other.covariance[i * dim + i]!;
      distance += (origin.mean[i]! - other.mean[i]!) ** 2 + variances;
    }
    // Rounding makes small eigenvalues negative, and the distance of equal distributions too.
    for (const eigenvalue of eigenvalues) distance -= 2 * Math.sqrt(Math.max(0, eigenvalue));
    return Math.max(0, distance);
  };
}

function assertStatistics(statistics: FeatureStatistics): void {
  assertMembers(statistics, ['count', 'dim', 'mean', 'covariance'], 'the statistics', where);
  const wrong = [statistics.mean, statistics.covariance].flatMap((values) => values.find(isNotFinite) ?? []);
  if (wrong.length > 0) throw new DataError({ where, expected: 'finite statistics', got: String(wrong[0]) });
}

function isNotFinite(value: number): boolean {
  return !Number.isFinite(value);
}
