import { assertInteger, checkOptions, mean, type OptionTable } from '@vitvq/core';
import { forEachRowOfProducts, squaredLengths } from '../internal/dot-products.js';
import { assertFeatureRows, type FeatureRows } from './feature-rows.js';

/** Options of {@link manifoldMetrics}. */
export interface ManifoldOptions {
  /**
   * Number of neighbours, k, that reach to the edge of the manifold around an image. Papers use 3
   * for precision and recall, and 5 for density and coverage. @default 3
   */
  readonly neighbors?: number;
}

const manifoldOptionNames: OptionTable<ManifoldOptions> = { neighbors: 'optional' };

/** How two sets of images cover each other in the space of features. */
export interface ManifoldMetrics {
  /** Fraction of the generated images that lie in the manifold of real ones. */
  readonly precision: number;
  /** Fraction of the real images that lie in the manifold of generated ones. */
  readonly recall: number;
  /** Mean number of real neighbourhoods around a generated image, divided by k. */
  readonly density: number;
  /** Fraction of the real images whose neighbourhood has a generated one. */
  readonly coverage: number;
  /** The values whose means the figures are, such as 0 or 1; one for each image. */
  readonly ofImages: {
    readonly precision: Float64Array;
    readonly recall: Float64Array;
    readonly density: Float64Array;
    readonly coverage: Float64Array;
  };
}

/**
 * Returns precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991) and density and
 * coverage (Naeem et al. 2020, arXiv:2002.09797). The manifold of a set is the union of spheres
 * around its images, each of which reaches to the k-th nearest other image of the set. All pairs of
 * images are compared in float64: the time grows with the square of their number. Figures depend on
 * the number of images; compare equal numbers only.
 * @throws {ConfigError} unless `neighbors` is a positive integer
 * @throws {ShapeError} for features that are none, or not of one width
 * @throws {DataError} for sets of no more than `neighbors` images
 */
export function manifoldMetrics(
  real: FeatureRows,
  generated: FeatureRows,
  options: ManifoldOptions = {},
): ManifoldMetrics {
  const where = 'manifoldMetrics';
  const { neighbors = 3 } = checkOptions(options, manifoldOptionNames, where);
  assertInteger(neighbors, 'neighbors', where);
  const minimum = neighbors + 1;
  const realCount = assertFeatureRows(real, 'real features', where, { minimum });
  const count = assertFeatureRows(generated, 'generated features', where, { minimum, dim: real.dim });
  const [ofReal, ofGenerated] = [real, generated].map((features) => squaredRadii(features, neighbors));
  const precision = new Float64Array(count);
  const density = new Float64Array(count);
  const recall = new Float64Array(realCount);
  const coverage = new Float64Array(realCount);
  forEachRowOfDistances(real, generated, (row, distances) => {
    const reach = ofReal![row]!;
    for (let column = 0; column < count; column++) {
      const distance = distances[column]!;
      if (distance <= reach) {
        precision[column] = 1;
        density[column]! += 1 / neighbors;
        coverage[row] = 1;
      }
      if (distance <= ofGenerated![column]!) recall[row] = 1;
    }
  });
  return {
    precision: mean(precision),
    recall: mean(recall),
    density: mean(density),
    coverage: mean(coverage),
    ofImages: { precision, recall, density, coverage },
  };
}

/** Returns the squared distance from each row to its k-th nearest other row. */
function squaredRadii(features: FeatureRows, neighbors: number): Float64Array {
  const radii = new Float64Array(features.data.length / features.dim);
  forEachRowOfDistances(features, features, (row, distances) => {
    distances[row] = Infinity;
    radii[row] = smallest(distances, neighbors);
  });
  return radii;
}

/** Returns the k-th smallest of some values. */
function smallest(values: Float64Array, k: number): number {
  const best = new Float64Array(k).fill(Infinity);
  for (const value of values) {
    if (value >= best[k - 1]!) continue;
    let place = k - 1;
    for (; place > 0 && best[place - 1]! > value; place--) best[place] = best[place - 1]!;
    best[place] = value;
  }
  return best[k - 1]!;
}

/** Computes the squared distances of all pairs of rows, at least 0, a row of `a` at a time. */
function forEachRowOfDistances(
  a: FeatureRows,
  b: FeatureRows,
  visit: (row: number, distances: Float64Array) => void,
): void {
  const [lengths, others] = [squaredLengths(a), squaredLengths(b)];
  forEachRowOfProducts(a, b, 'all', (row, products) => {
    for (let column = 0; column < products.length; column++) {
      products[column] = Math.max(0, lengths[row]! + others[column]! - 2 * products[column]!);
    }
    visit(row, products);
  });
}
