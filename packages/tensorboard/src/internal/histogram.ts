import { DataError } from '@vitvq/core';

/**
 * TensorFlow's `HistogramProto`: `bucket[i]` counts the values in `[bucketLimit[i - 1],
 * bucketLimit[i])`.
 */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  readonly bucketLimit: readonly number[];
  readonly bucket: readonly number[];
}

/**
 * Limits that grow by a tenth from 1e-12 to 1e20, their negatives, zero, and the largest doubles.
 */
const limits = bucketLimits();

/**
 * Counts values as TensorFlow's `tensorflow/core/lib/histogram/histogram.cc` does. Neighbouring
 * empty buckets become one.
 * @throws {DataError} for a value that is not finite, which has no bucket, and without values
 */
export function countHistogram(values: ArrayLike<number>, where: string): Histogram {
  if (values.length === 0) throw new DataError({ where, expected: 'at least one value', got: 'none' });
  const counts = new Float64Array(limits.length);
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let sumSquares = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (!Number.isFinite(value)) {
      throw new DataError({ where, expected: 'finite values', got: `${value} at index ${index}` });
    }
    counts[bucketOf(value)]!++;
    if (value < min) min = value;
    if (value > max) max = value;
    sum += value;
    sumSquares += value * value;
  }
  return { min, max, num: values.length, sum, sumSquares, ...joinEmptyBuckets(counts) };
}

/** Joins neighbouring empty buckets into one, which ends at the limit of the last of them. */
function joinEmptyBuckets(counts: Float64Array): Pick<Histogram, 'bucketLimit' | 'bucket'> {
  const bucketLimit: number[] = [];
  const bucket: number[] = [];
  for (const [index, count] of counts.entries()) {
    if (count === 0 && bucket.at(-1) === 0) bucketLimit[bucketLimit.length - 1] = limits[index]!;
    else {
      bucketLimit.push(limits[index]!);
      bucket.push(count);
    }
  }
  return { bucketLimit, bucket };
}

/**
 * Returns the first bucket whose limit lies above the value; the last bucket takes the largest
 * double.
 */
function bucketOf(value: number): number {
  let low = 0;
  let high = limits.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (limits[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

function bucketLimits(): Float64Array {
  const positive: number[] = [];
  for (let limit = 1e-12; limit < 1e20; limit *= 1.1) positive.push(limit);
  positive.push(Number.MAX_VALUE);
  return Float64Array.from([...positive.map((limit) => -limit).reverse(), 0, ...positive]);
}
