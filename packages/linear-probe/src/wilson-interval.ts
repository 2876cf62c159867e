import { assertInteger, DataError } from '@vitvq/core';

/** An interval of fractions. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Returns a confidence interval of a fraction (Wilson 1927), which also holds for few samples and
 * near 0 and 1.
 * @param z  quantile of the normal distribution; the default gives a 95 % interval
 * @throws {ConfigError} unless both counts are integers in range
 * @throws {DataError} for more successes than samples
 */
export function wilsonInterval(successes: number, count: number, z = 1.959963984540054): Interval {
  const where = 'wilsonInterval';
  assertInteger(count, 'count', where);
  assertInteger(successes, 'successes', where, 0);
  if (successes > count) {
    throw new DataError({ where, expected: `at most ${count} successes`, got: String(successes) });
  }
  const fraction = successes / count;
  const centre = (fraction + z ** 2 / (2 * count)) / (1 + z ** 2 / count);
  const spread = Math.sqrt((fraction * (1 - fraction)) / count + z ** 2 / (4 * count ** 2));
  const half = (z / (1 + z ** 2 / count)) * spread;
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
