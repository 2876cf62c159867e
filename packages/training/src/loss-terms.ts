import { assertInRange, ConfigError } from '@vitvq/core';
import type { Scalar } from '@tensorflow/tfjs-core';

/** Term of a loss that the caller of a trainer brings along. */
export interface LossTerm<Inputs> {
  /** Factor of the term, above 0. */
  readonly weight: number;
  /** Returns a scalar of what the model made of a batch; plain tensor code, which compiles. */
  readonly compute: (inputs: Inputs) => Scalar;
}

/** Loss terms by name; the name is that of the value in logs. */
export type LossTerms<Inputs> = Readonly<Record<string, LossTerm<Inputs>>>;

/** Names that every line of a log has. */
const logNames: readonly string[] = [
  'event',
  'step',
  'progress',
  'totalSteps',
  'skipped',
  'skippedSteps',
  'examplesPerSecond',
  'elapsedSeconds',
  'remainingSeconds',
  'count',
];

/**
 * Checks the terms that a caller brings along.
 * @param reserved  names that the trainer logs itself
 * @throws {ConfigError} for a name that is taken and for a weight that is not above 0
 */
export function assertOwnTerms(terms: LossTerms<never>, reserved: readonly string[], where: string): void {
  for (const [name, { weight }] of Object.entries(terms)) {
    if (reserved.includes(name) || logNames.includes(name)) {
      throw new ConfigError({
        where: `${where} losses`,
        expected: `names apart from those of the trainer's own values (${reserved.join(', ')})`,
        got: `"${name}"`,
        fix: 'Choose another name, or set the weight of the built-in term in the config.',
      });
    }
    assertInRange(weight, `the weight ${name}`, `${where} losses`, Number.MIN_VALUE);
  }
}

/** Returns the weights of terms by name: what a resumed training compares. */
export function termWeights(terms: LossTerms<never>): Record<string, number> {
  return Object.fromEntries(Object.entries(terms).map(([name, { weight }]) => [name, weight]));
}
