import {
  assertInRange,
  assertInteger,
  checkOptions,
  ConfigError,
  foldIn,
  mean,
  permutation,
  takeRows,
  type OptionTable,
  type RandomKey,
} from '@vitvq/core';
import { forEachRowOfProducts } from '../internal/dot-products.js';
import { assertFeatureRows, type FeatureRows } from './feature-rows.js';

/** The kernel `(gamma x·y + offset)^degree`. */
export interface PolynomialKernel {
  /** @default 3 */
  readonly degree?: number;
  /** @default 1 / D */
  readonly gamma?: number;
  /** @default 1 */
  readonly offset?: number;
}

/** Options of {@link kernelDistance}. */
export interface KernelDistanceOptions extends PolynomialKernel {
  /** Number of subsets of each side. @default 100 */
  readonly subsets?: number;
  /** Number of images of a subset. @default 1000 */
  readonly subsetSize?: number;
  /** Decides which images a subset has. */
  readonly key: RandomKey;
}

const kernelNames: OptionTable<PolynomialKernel> = { degree: 'optional', gamma: 'optional', offset: 'optional' };

const kernelDistanceOptionNames: OptionTable<KernelDistanceOptions> = {
  ...kernelNames,
  subsets: 'optional',
  subsetSize: 'optional',
  key: 'required',
};

/** A distance by subsets. */
export interface KernelDistance {
  /** Mean over the subsets. */
  readonly mean: number;
  /** Distance of each subset, which may be negative: the estimate has no bias. */
  readonly subsets: Float64Array;
}

/**
 * Returns the kernel distance of two sets of features (Bińkowski et al. 2018, arXiv:1801.01401):
 * KID where they are those of the Inception network. It is the mean over subsets of the unbiased
 * estimate of the squared maximum mean discrepancy, and unlike the Fréchet distance it does not
 * depend on the number of images. Subsets are drawn without replacement.
 * @throws {ConfigError} for options out of range, and subsets larger than a set
 * @throws {ShapeError} @throws {DataError} for features that are none, or not of one width
 */
export function kernelDistance(
  real: FeatureRows,
  generated: FeatureRows,
  options: KernelDistanceOptions,
): KernelDistance {
  const where = 'kernelDistance';
  const { subsets = 100, subsetSize = 1000, key, ...kernel } = checkOptions(options, kernelDistanceOptionNames, where);
  assertInteger(subsets, 'subsets', where);
  assertInteger(subsetSize, 'subsetSize', where, 2);
  const { dim } = real;
  const counts = [
    assertFeatureRows(real, 'real features', where, { minimum: 2 }),
    assertFeatureRows(generated, 'generated features', where, { minimum: 2, dim }),
  ];
  if (subsetSize > Math.min(...counts)) {
    const expected = `a subsetSize of at most ${Math.min(...counts)} images`;
    throw new ConfigError({
      where,
      expected,
      got: String(subsetSize),
      fix: 'Measure more images, or smaller subsets.',
    });
  }
  const values = Float64Array.from({ length: subsets }, (_, subset) => {
    const [first, second] = [real, generated].map(({ data }, side): FeatureRows => {
      const rows = permutation(foldIn(foldIn(key, subset), side), counts[side]!).subarray(0, subsetSize);
      return { dim, data: takeRows(data, dim, Array.from(rows)) };
    });
    return squaredDiscrepancy(first!, second!, kernel);
  });
  return { mean: mean(values), subsets: values };
}

/**
 * Returns the unbiased estimate of the squared maximum mean discrepancy of two sets of features
 * (Gretton et al. 2012, equation 3), with a polynomial kernel.
 * @throws {ConfigError} for a kernel out of range
 * @throws {ShapeError} @throws {DataError} for features that are none, or not of one width
 */
export function squaredDiscrepancy(a: FeatureRows, b: FeatureRows, kernel: PolynomialKernel = {}): number {
  const where = 'squaredDiscrepancy';
  const { dim } = a;
  const { degree = 3, gamma = 1 / dim, offset = 1 } = checkOptions(kernel, kernelNames, where);
  assertInteger(degree, 'degree', where);
  assertInRange(gamma, 'gamma', where, Number.MIN_VALUE);
  assertInRange(offset, 'offset', where, 0);
  const rows = assertFeatureRows(a, 'features', where, { minimum: 2 });
  const columns = assertFeatureRows(b, 'features', where, { minimum: 2, dim });
  const valueOf = (product: number): number => (gamma * product + offset) ** degree;
  const sumOf = (products: Float64Array): number => products.reduce((sum, product) => sum + valueOf(product), 0);
  const meanWithin = (features: FeatureRows, count: number): number => {
    let sum = 0;
    forEachRowOfProducts(features, features, 'lower', (row, products) => (sum += sumOf(products.subarray(0, row))));
    return (2 * sum) / (count * (count - 1));
  };
  let between = 0;
  forEachRowOfProducts(a, b, 'all', (_, products) => (between += sumOf(products)));
  return meanWithin(a, rows) + meanWithin(b, columns) - (2 * between) / (rows * columns);
}
