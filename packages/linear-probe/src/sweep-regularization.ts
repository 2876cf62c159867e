import { assertInRange, checkOptions, ConfigError, type OptionTable } from '@vitvq/core';
import { evaluateProbe, type Classification } from './classification.js';
import type { LabelledFeatures } from './feature-set.js';
import { factsOf, fitOptionNames, searchLimits, type FitFacts, type FitOptions } from './fit-softmax-probe.js';
import { assertFeatures, assertTrainable } from './internal/assert-features.js';
import { compileCrossEntropy, type CrossEntropyProgram } from './internal/cross-entropy.js';
import { fitPath, type PathPoint } from './internal/fit-path.js';
import type { SoftmaxProbe } from './softmax-probe.js';

/** Options of a sweep over penalties. */
export interface SweepOptions extends FitOptions {
  /** Penalties to try, positive and in any order. @default 10, 1, ... 1e-4 */
  readonly l2?: readonly number[];
}

/** Names of the options of a sweep. */
export const sweepOptionNames: OptionTable<SweepOptions> = {
  ...fitOptionNames,
  l2: 'optional',
};

/** One penalty of a sweep, as plain data. */
export interface SweepEntry extends FitFacts {
  /** Fraction of validation samples whose class has the highest logit. */
  readonly validationTop1: number;
  /** Mean cross-entropy of the validation samples in nats. */
  readonly validationCrossEntropy: number;
}

/** The result of a sweep over penalties. */
export interface RegularizationSweep<P = SoftmaxProbe> {
  /** From the strongest penalty to the weakest that was tried. */
  readonly entries: readonly SweepEntry[];
  /** The chosen penalty. */
  readonly best: SweepEntry;
  /** The probe that was trained with the chosen penalty. */
  readonly probe: P;
  /**
   * Reasons to distrust the result: a search that did not converge, a best penalty at the end of
   * the range.
   */
  readonly warnings: readonly string[];
}

const defaultPenalties: readonly number[] = [10, 1, 1e-1, 1e-2, 1e-3, 1e-4];

/**
 * Number of penalties in a row worse than the best, after which weaker ones are skipped: those take
 * longest to train.
 */
const patience = 2;

/**
 * Trains a probe for each penalty and chooses on validation samples: the highest top-1, among
 * equals the lowest cross-entropy, among equals the strongest penalty. The sweep goes from strong
 * to weak penalties and ends after two in a row that are worse than the best, in top-1 and in
 * cross-entropy.
 * @throws {ConfigError} for options out of range
 * @throws {DataError} as `fitSoftmaxProbe`, for both sets
 * @throws {ShapeError} unless both sets have one row for each label
 */
export async function sweepRegularization(
  train: LabelledFeatures,
  validation: LabelledFeatures,
  options: SweepOptions,
): Promise<RegularizationSweep> {
  const where = 'sweepRegularization';
  const plan = sweepPlan(checkOptions(options, sweepOptionNames, where), where);
  assertTrainable(train, options.classes, where);
  assertFeatures(validation, options.classes, `${where}, validation`);
  const program = compileCrossEntropy(1);
  try {
    return await runSweep(program, train, validation, plan);
  } finally {
    program.dispose();
  }
}

/** Checked options of a sweep. */
export interface SweepPlan extends Required<FitOptions> {
  /** Penalties from the strongest to the weakest, each once. */
  readonly penalties: readonly number[];
}

/** Checks the options of a sweep. @throws {ConfigError} for options out of range */
export function sweepPlan({ classes, l2 = defaultPenalties, ...options }: SweepOptions, where: string): SweepPlan {
  if (l2.length === 0) throw new ConfigError({ where, expected: 'at least one penalty l2', got: 'none' });
  for (const penalty of l2) assertInRange(penalty, 'l2', where, Number.MIN_VALUE);
  return { classes, penalties: [...new Set(l2)].sort((a, b) => b - a), ...searchLimits(options, where) };
}

/** Runs a sweep on checked sets. The program stays the caller's. */
export function runSweep(
  program: CrossEntropyProgram,
  train: LabelledFeatures,
  validation: LabelledFeatures,
  plan: SweepPlan,
): Promise<RegularizationSweep> {
  const path = fitPath(program, train, plan.classes, plan.penalties, plan);
  return chooseFromPath(path, (probe) => evaluateProbe(probe, validation), train.block);
}

/**
 * Chooses among probes with weaker and weaker penalties by validation.
 * @param path  the probes, from the strongest penalty on; not read further than needed
 * @param measured  measures a probe on the validation samples
 */
export async function chooseFromPath<P>(
  path: AsyncIterable<PathPoint<P>>,
  measured: (probe: P) => Classification,
  block: string,
): Promise<RegularizationSweep<P>> {
  const entries: SweepEntry[] = [];
  let chosen: { readonly entry: SweepEntry; readonly probe: P } | undefined;
  let worseInARow = 0;
  for await (const point of path) {
    const { top1, crossEntropy } = measured(point.probe);
    const entry = { ...factsOf(point), validationTop1: top1, validationCrossEntropy: crossEntropy };
    entries.push(entry);
    worseInARow = chosen && isWorse(entry, chosen.entry) ? worseInARow + 1 : 0;
    if (!chosen || isBetter(entry, chosen.entry)) chosen = { entry, probe: point.probe };
    if (worseInARow === patience) break;
  }
  const { entry: best, probe } = chosen!;
  return { entries, best, probe, warnings: warningsOf(block, entries, best) };
}

/** Tells whether an entry is worse in both measures. */
function isWorse(a: SweepEntry, b: SweepEntry): boolean {
  return a.validationTop1 < b.validationTop1 && a.validationCrossEntropy > b.validationCrossEntropy;
}

/** Tells whether an entry is chosen before another one. */
function isBetter(a: SweepEntry, b: SweepEntry): boolean {
  return a.validationTop1 === b.validationTop1
    ? a.validationCrossEntropy < b.validationCrossEntropy
    : a.validationTop1 > b.validationTop1;
}

function warningsOf(block: string, entries: readonly SweepEntry[], best: SweepEntry): string[] {
  const warnings: string[] = [];
  if (!best.converged) {
    warnings.push(
      `${block}: the search with l2 ${best.l2} ended after ${best.iterations} iterations with a gradient of ` +
        `${best.gradientNorm.toExponential(1)}. Raise maximumIterations or gradientTolerance.`,
    );
  }
  const place = entries.indexOf(best);
  // Where every penalty gives the same top-1, a wider range would change nothing.
  const isFlat = entries.every(({ validationTop1 }) => validationTop1 === best.validationTop1);
  if (entries.length > 1 && !isFlat && (place === 0 || place === entries.length - 1)) {
    const direction = place === 0 ? 'stronger' : 'weaker';
    warnings.push(`${block}: the best l2, ${best.l2}, is at the end of the range. Try ${direction} ones.`);
  }
  return warnings;
}
