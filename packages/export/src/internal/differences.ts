import type { HostValue } from './runtimes.js';

type Pairs = readonly (readonly [found: HostValue, expected: HostValue])[];

/**
 * Returns the largest difference over all values; infinity where shapes differ or a value is not a
 * number, so that the difference never passes.
 */
export function largestDifference(pairs: Pairs): number {
  let largest = 0;
  for (const [found, expected] of pairs) {
    if (found.shape.join() !== expected.shape.join()) return Infinity;
    for (let index = 0; index < expected.data.length; index++) {
      const difference = Math.abs(found.data[index]! - expected.data[index]!);
      if (Number.isNaN(difference)) return Infinity;
      if (difference > largest) largest = difference;
    }
  }
  return largest;
}

/** Returns the fraction of equal values; values of different shapes count as unequal. */
export function equalFraction(pairs: Pairs): number {
  let [equal, total] = [0, 0];
  for (const [found, expected] of pairs) {
    total += expected.data.length;
    if (found.shape.join() !== expected.shape.join()) continue;
    for (let index = 0; index < expected.data.length; index++) {
      if (found.data[index] === expected.data[index]) equal++;
    }
  }
  return equal / total;
}
