import { foldIn, randomKey, randomUniform, type HostTensor } from '@vitvq/core';
import { compareCase } from '../compare.js';
import type { Execute } from '../execute.js';
import type { LoadedCase } from '../fixture.js';
import type { Adapter } from './adapter.js';

/** Distance of neighbouring float32 numbers, relative to their size. */
const spacing = 2 ** -23;

/** Runs with other roundings before a miss counts. */
const maximumRuns = 8;

/**
 * As `tensorAdapter`, for computations that may hang on a rounding. What misses is computed again
 * with inputs and weights moved by up to one unit in their last place. A tensor that then keeps its
 * tolerance is one that float32 does not determine: it is named as not compared. All others have to
 * pass in the first run.
 */
export function exceptWhatRoundingDecides(
  produce: (fixture: LoadedCase, execute: Execute) => Promise<ReadonlyMap<string, HostTensor>>,
): Adapter {
  return async (fixture, execute) => {
    const comparisons = compareCase(fixture, await produce(fixture, execute));
    const missed = new Set(comparisons.filter(({ ratio }) => !(ratio <= 1)).map(({ name }) => name));
    const undecided: string[] = [];
    for (let run = 1; run <= maximumRuns && missed.size > 0; run++) {
      for (const { name, ratio } of compareCase(fixture, await produce(moved(fixture, run), execute))) {
        if (ratio <= 1 && missed.delete(name)) undecided.push(name);
      }
    }
    if (undecided.length === 0) return { comparisons };
    return {
      comparisons: comparisons.filter(({ name }) => !undecided.includes(name)),
      notCompared: `${undecided.join(', ')}, which the last bit of the inputs moves across the tolerance`,
    };
  };
}

/**
 * The case with every float of its inputs and weights moved by up to one unit in the last place; a
 * function of `seed`.
 */
function moved(fixture: LoadedCase, seed: number): LoadedCase {
  const tensors = [...fixture.tensors].map(([name, tensor], index): [string, HostTensor] => {
    const { shape, data } = tensor;
    if (!/^(in|w)\//.test(name) || data instanceof Int32Array) return [name, tensor];
    const shifts = randomUniform(foldIn(randomKey(seed), index), data.length, -spacing, spacing);
    return [name, { shape, data: data.map((value, element) => value * (1 + shifts[element]!)) }];
  });
  return { ...fixture, tensors: new Map(tensors) };
}
