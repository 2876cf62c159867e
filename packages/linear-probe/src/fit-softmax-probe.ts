import { assertInRange, assertInteger, checkOptions, type OptionTable } from '@vitvq/core';
import type { LabelledFeatures } from './feature-set.js';
import { assertTrainable } from './internal/assert-features.js';
import { compileCrossEntropy } from './internal/cross-entropy.js';
import { fitPath, type PathPoint } from './internal/fit-path.js';
import type { SoftmaxProbe } from './softmax-probe.js';

/** Options of a fit. */
export interface FitOptions {
  /** Number of classes, K; labels are in `[0, K)`. */
  readonly classes: number;
  /**
   * Largest component of the gradient (mean over samples, standardised features) at which a search
   * ends. float32 features allow about 1e-6.
   * @default 1e-5
   */
  readonly gradientTolerance?: number;
  /** Largest number of iterations of the search for one minimum. @default 1000 */
  readonly maximumIterations?: number;
}

/** Names of the options of a fit, to which `fitSoftmaxProbe` and sweeps add their own. */
export const fitOptionNames: OptionTable<FitOptions> = {
  classes: 'required',
  gradientTolerance: 'optional',
  maximumIterations: 'optional',
};

/** The course of a search for one minimum, as plain data. */
export interface FitFacts {
  /** Strength of the penalty `l2 / 2 |W|^2` that is added to the mean cross-entropy. */
  readonly l2: number;
  /** Mean cross-entropy of the training samples in nats, without the penalty. */
  readonly trainingLoss: number;
  /** Largest absolute component of the gradient at the end. */
  readonly gradientNorm: number;
  readonly iterations: number;
  /** Number of times that loss and gradient were computed. */
  readonly evaluations: number;
  /** Whether the gradient fell to the tolerance. */
  readonly converged: boolean;
}

/** A trained probe. */
export interface ProbeFit {
  readonly probe: SoftmaxProbe;
  readonly facts: FitFacts;
}

/**
 * Trains a softmax layer on frozen features to convergence: multinomial logistic regression on
 * standardised features with an l2 penalty on the weights, but not on the bias. The search is
 * full-batch L-BFGS from zero; loss and gradient run compiled where the engine compiles.
 * scikit-learn's C is `1 / (l2 n)` for n samples.
 * @param options  `l2` is positive, so that there is one minimum even where the classes can be
 * separated
 * @throws {ConfigError} for options out of range, such as `classes` below 2
 * @throws {DataError} naming the block for features that are not finite, labels that are not in
 * `[0, K)`, samples of a single class, and fewer samples than classes
 * @throws {ShapeError} unless there is one row for each label
 */
export async function fitSoftmaxProbe(
  train: LabelledFeatures,
  options: FitOptions & { readonly l2: number },
): Promise<ProbeFit> {
  const where = 'fitSoftmaxProbe';
  const { l2, classes, ...limitOptions } = checkOptions(options, { ...fitOptionNames, l2: 'required' }, where);
  assertInRange(l2, 'l2', where, Number.MIN_VALUE);
  const limits = searchLimits(limitOptions, where);
  assertTrainable(train, classes, where);
  const program = compileCrossEntropy(1);
  try {
    const fits: ProbeFit[] = [];
    for await (const point of fitPath(program, train, classes, [l2], limits)) {
      fits.push({ probe: point.probe, facts: factsOf(point) });
    }
    return fits[0]!;
  } finally {
    program.dispose();
  }
}

/** Returns the limits of a search, with defaults. @throws {ConfigError} for a limit out of range */
export function searchLimits(
  { gradientTolerance = 1e-5, maximumIterations = 1000 }: Omit<FitOptions, 'classes'>,
  where: string,
): Required<Omit<FitOptions, 'classes'>> {
  assertInRange(gradientTolerance, 'gradientTolerance', where, Number.MIN_VALUE);
  assertInteger(maximumIterations, 'maximumIterations', where);
  return { gradientTolerance, maximumIterations };
}

/** Returns the facts of a fit. */
export function factsOf({ l2, trainingLoss, result }: PathPoint<unknown>): FitFacts {
  const { gradientNorm, iterations, evaluations, converged } = result;
  return { l2, trainingLoss, gradientNorm, iterations, evaluations, converged };
}
