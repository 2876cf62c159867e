import { mean } from '@vitvq/core';
import { splitsInterval } from '@vitvq/evaluation';

/** A mean over seeds with its 95 % confidence interval, by Student's distribution. */
export interface Estimate {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** @param values  at least two */
export function estimate(values: readonly number[]): Estimate {
  const { low, high } = splitsInterval(values)!;
  return { mean: mean(values), low, high };
}

/** Whether the interval of a difference leaves no doubt of its sign. */
export function isClear({ low, high }: Estimate): boolean {
  return low > 0 || high < 0;
}

/** Returns the mean and half the width of the interval. */
export function formatEstimate({ mean: middle, high }: Estimate, digits: number): string {
  return `${middle.toFixed(digits)} ± ${(high - middle).toFixed(digits)}`;
}

/** Returns a difference with its sign. */
export function formatDifference(difference: Estimate, digits: number): string {
  return `${difference.mean < 0 ? '' : '+'}${formatEstimate(difference, digits)}`;
}
