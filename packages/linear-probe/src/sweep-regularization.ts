import { assertInRange, ConfigError } from '@vitvq/core';
import { evaluateProbe } from './classification.js';
import type { LabelledFeatures } from './feature-set.js';
import { factsOf, searchLimits, type FitFacts, type FitOptions } from './fit-softmax-probe.js';
import { assertFeatures, assertTrainable } from './internal/assert-features.js';
import { compileCrossEntropy, type CrossEntropyProgram } from './internal/cross-entropy.js';
import { fitPath } from './internal/fit-path.js';
import type { SoftmaxProbe } from './softmax-probe.js';

export interface SweepOptions extends FitOptions {
  /** Penalties to try, positive, in any order. @default 10, 1, ... 1e-4 */
  readonly l2?: readonly number[];
}

/** One penalty of a sweep. Plain data. */
export interface SweepEntry extends FitFacts {
  readonly validationTop1: number;
  /** Nats. */
  readonly validationCrossEntropy: number;
}

export interface RegularizationSweep {
  /** From the strongest penalty to the weakest that was tried. */
  readonly entries: readonly SweepEntry[];
  /** The one that was chosen. */
  readonly best: SweepEntry;
  /** Trained with the penalty that was chosen. */
  readonly probe: SoftmaxProbe;
  /** What keeps the result from being taken as it is: a search that did not converge, a best penalty at the end of the range. */
  readonly warnings: readonly string[];
}

const defaultPenalties: readonly number[] = [10, 1, 1e-1, 1e-2, 1e-3, 1e-4];

/** Penalties in a row that are worse than the best, after which weaker ones are left out: they take longest to train. */
const patience = 2;

/**
 * Trains a probe for each penalty and chooses on validation samples: the highest top-1, among equals the lowest cross-entropy,
 * among equals the strongest penalty. It begins with the strongest and ends after two in a row that are worse than the best, in
 * top-1 and in cross-entropy.
 * @throws {ConfigError}
 * @throws {DataError} as `fitSoftmaxProbe`, for both sets
 * @throws {ShapeError}
 */
export async function sweepRegularization(
  train: LabelledFeatures,
  validation: LabelledFeatures,
  options: SweepOptions,
): Promise<RegularizationSweep> {
  const where = 'sweepRegularization';
  const plan = sweepPlan(options, where);
  assertTrainable(train, options.classes, where);
  assertFeatures(validation, options.classes, `${where}, validation`);
  const program = compileCrossEntropy(1);
  try {
    return await runSweep(program, train, validation, plan);
  } finally {
    program.dispose();
  }
}

/** Options of a sweep, checked. */
export interface SweepPlan extends Required<FitOptions> {
  /** Strongest first, each once. */
  readonly penalties: readonly number[];
}

/** @throws {ConfigError} */
export function sweepPlan({ classes, l2 = defaultPenalties, ...options }: SweepOptions, where: string): SweepPlan {
  if (l2.length === 0) throw new ConfigError({ where, expected: 'one or more penalties l2', got: 'none' });
  for (const penalty of l2) assertInRange(penalty, 'l2', where, Number.MIN_VALUE);
  return { classes, penalties: [...new Set(l2)].sort((a, b) => b - a), ...searchLimits(options, where) };
}

/** The sweep itself, on sets that were checked and with a program that outlives it. */
export async function runSweep(
  program: CrossEntropyProgram,
  train: LabelledFeatures,
  validation: LabelledFeatures,
  plan: SweepPlan,
): Promise<RegularizationSweep> {
  const entries: SweepEntry[] = [];
  let chosen: { readonly entry: SweepEntry; readonly probe: SoftmaxProbe } | undefined;
  let worseInARow = 0;
  for await (const point of fitPath(program, train, plan.classes, plan.penalties, plan)) {
    const { top1, crossEntropy } = evaluateProbe(point.probe, validation);
    const entry = { ...factsOf(point), validationTop1: top1, validationCrossEntropy: crossEntropy };
    entries.push(entry);
    worseInARow = chosen && isWorse(entry, chosen.entry) ? worseInARow + 1 : 0;
    if (!chosen || isBetter(entry, chosen.entry)) chosen = { entry, probe: point.probe };
    if (worseInARow === patience) break;
  }
  const { entry: best, probe } = chosen!;
  return { entries, best, probe, warnings: warningsOf(train.block, entries, best) };
}

/** In both measures. */
function isWorse(a: SweepEntry, b: SweepEntry): boolean {
  return a.validationTop1 < b.validationTop1 && a.validationCrossEntropy > b.validationCrossEntropy;
}

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
        `${best.gradientNorm.toExponential(1)}. Allow more iterations, or a larger gradientTolerance.`,
    );
  }
  const place = entries.indexOf(best);
  // Where every penalty classifies all samples alike, a wider range could change nothing.
  const isFlat = entries.every(({ validationTop1 }) => validationTop1 === best.validationTop1);
  if (entries.length > 1 && !isFlat && (place === 0 || place === entries.length - 1)) {
    const direction = place === 0 ? 'stronger' : 'weaker';
    warnings.push(`${block}: the best l2, ${best.l2}, is at the end of the range. Try ${direction} ones.`);
  }
  return warnings;
}
