import { assertInteger } from './checks.js';

/** Any typed array in which images, tokens, conditions or metrics lie in host memory. */
export type HostArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/** Some rows of a batch of fixed size; see {@link paddedBatches}. */
export interface PaddedBatch {
  /** Index of the first row. */
  readonly start: number;
  /** Number of rows that count; the rest of `rows` is padding. */
  readonly count: number;
  /** Indices of the rows of the batch, as many as the batch size. Padding repeats the first one. */
  readonly rows: readonly number[];
}

/** Returns the number of elements of a tensor of the given shape; 1 for a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Returns all values of the arrays, one array after the other. */
export function concatenate<T extends HostArray>(parts: readonly T[], create: new (length: number) => T): T {
  const all = new create(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/**
 * Copies rows out of an array.
 * @param values  rows of `rowSize` values each
 * @param rows  indices of the rows to copy, in any order; an index may repeat
 */
export function takeRows<T extends HostArray>(values: T, rowSize: number, rows: readonly number[]): T {
  const result = new (values.constructor as new (length: number) => T)(rows.length * rowSize);
  rows.forEach((row, place) => result.set(values.subarray(row * rowSize, (row + 1) * rowSize), place * rowSize));
  return result;
}

/**
 * Divides `count` rows into batches of one size, so that a compiled function sees one shape only.
 * The last batch is padded with its own first row; callers drop the results of rows from `count` of
 * the batch on.
 * @throws {ConfigError} unless the batch size is a positive integer
 */
export function* paddedBatches(count: number, batchSize: number): Generator<PaddedBatch, void> {
  assertInteger(batchSize, 'batchSize', 'paddedBatches');
  for (let start = 0; start < count; start += batchSize) {
    const rows = Array.from({ length: batchSize }, (_, row) => (start + row < count ? start + row : start));
    yield { start, count: Math.min(batchSize, count - start), rows };
  }
}

/** Returns the arithmetic mean, summed in float64; NaN for no values. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < values.length; index++) sum += values[index]!;
  return sum / values.length;
}
