import { assertInteger, assertMembers, DataError, formatShape, ShapeError } from '@vitvq/core';

/** Features in host memory, one row an image: the output of any network. */
export interface FeatureRows {
  /** Width of the features, D. */
  readonly dim: number;
  /** `[N, D]` row-major. */
  readonly data: Float32Array | Float64Array;
}

/**
 * Throws unless features are whole rows of finite numbers, `minimum` of them or more.
 * @returns the number of rows
 * @throws {ConfigError} for anything but features
 * @throws {ShapeError} unless the rows are whole, and of the width `dim` where one is given
 * @throws {DataError} for too few rows, and naming the first row with a value that is not finite
 */
export function assertFeatureRows(
  features: FeatureRows,
  name: string,
  where: string,
  { minimum = 1, dim }: { readonly minimum?: number; readonly dim?: number } = {},
): number {
  assertMembers(features, ['dim', 'data'], name, where);
  const { data } = features;
  assertInteger(features.dim, `dim of ${name}`, where);
  const count = data.length / features.dim;
  if (!Number.isInteger(count) || (dim !== undefined && dim !== features.dim)) {
    const expected = `${name} of shape ${formatShape(['N', dim ?? features.dim])}`;
    throw new ShapeError({ where, expected, got: `${data.length} values in rows of ${features.dim}` });
  }
  if (count < minimum) {
    throw new DataError({ where, expected: `${name} of at least ${minimum} images`, got: String(count) });
  }
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    const got = `${data[wrong]} in row ${Math.floor(wrong / features.dim)}`;
    throw new DataError({ where, expected: `finite values of ${name}`, got });
  }
  return count;
}
