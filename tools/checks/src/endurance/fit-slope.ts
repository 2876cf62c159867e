import { mean } from '@vitvq/core';

/** A line through measurements. */
export interface Slope {
  /** Change of the value for a change of the place by 1. */
  readonly slope: number;
  /** Half of the width of the interval that holds the slope with a confidence of 95 %. */
  readonly margin: number;
}

/** What stands for a stretch of measurements. */
export const summaries = {
  mean: (values: readonly number[]): number => mean(values),
  lowest: (values: readonly number[]): number => Math.min(...values),
} as const;

/** Name of what stands for a stretch. */
export type Summary = keyof typeof summaries;

/**
 * Number of stretches. Neighbouring measurements of memory are alike, so that an interval of the
 * measurements themselves would be too narrow; long stretches hardly depend on each other.
 */
const groups = 12;

/** The 97.5 % point of Student's t distribution with `groups - 2` degrees of freedom. */
const studentT = 2.228;

/**
 * Fits a line by least squares to stretches of measurements, in their order.
 * @param points  place and value of each measurement, at least 24
 * @param summary  what stands for a stretch
 */
export function fitSlope(points: readonly (readonly [place: number, value: number])[], summary: Summary): Slope {
  const stretches = Array.from({ length: groups }, (_, group) => {
    const bound = (index: number): number => Math.round((index * points.length) / groups);
    const stretch = points.slice(bound(group), bound(group + 1));
    return [mean(stretch.map(([place]) => place)), summaries[summary](stretch.map(([, value]) => value))] as const;
  });
  const [meanPlace, meanValue] = [mean(stretches.map(([place]) => place)), mean(stretches.map(([, value]) => value))];
  const sum = (term: (place: number, value: number) => number): number =>
    stretches.reduce((total, [place, value]) => total + term(place - meanPlace, value - meanValue), 0);
  const spread = sum((place) => place ** 2);
  const slope = sum((place, value) => place * value) / spread;
  const residual = sum((place, value) => (value - slope * place) ** 2);
  return { slope, margin: studentT * Math.sqrt(residual / (groups - 2) / spread) };
}
