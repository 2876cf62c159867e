import { assertInRange, assertInteger } from '@vitvq/core';
import type { LabelledFeatures } from './feature-set.js';
import { assertTrainable } from './internal/assert-features.js';
import { compileCrossEntropy } from './internal/cross-entropy.js';
import { fitPath, type PathPoint } from './internal/fit-path.js';
import type { SoftmaxProbe } from './softmax-probe.js';

export interface FitOptions {
  /** Number of classes, K; labels are in [0, K). */
  readonly classes: number;
  /**
   * Trained until no component of the gradient (mean over samples, standardised features) is larger. float32 features can reach
   * about 1e-6. @default 1e-5
   */
  readonly gradientTolerance?: number;
  /** Of the search for one minimum. @default 1000 */
  readonly maximumIterations?: number;
}

/** How a search for one minimum went. Plain data. */
export interface FitFacts {
  /** Strength of the penalty `l2 / 2 |W|^2` beside the mean cross-entropy. */
  readonly l2: number;
  /** Mean cross-entropy of the training samples, nats, without the penalty. */
  readonly trainingLoss: number;
  /** Largest component of the gradient at the end. */
  readonly gradientNorm: number;
  readonly iterations: number;
  /** How often loss and gradient were computed. */
  readonly evaluations: number;
  /** Whether the gradient came down to the tolerance. */
  readonly converged: boolean;
}

export interface ProbeFit {
  readonly probe: SoftmaxProbe;
  readonly facts: FitFacts;
}

/**
 * Trains a softmax layer on frozen features to convergence: multinomial logistic regression on standardised features with an l2
 * penalty on the weights, not on the bias. Full-batch L-BFGS from zero; loss and gradient run compiled where the engine compiles.
 * In terms of scikit-learn, C is `1 / (l2 n)` for n samples.
 * @param options  `l2` is positive: then there is one minimum, also where the classes can be separated
 * @throws {ConfigError} for options out of range, `classes` below 2 among them
 * @throws {DataError} for features that are not finite, labels that are not in [0, K), samples of a single class, and fewer
 * samples than classes; names the block
 * @throws {ShapeError} when there is not one row for each label
 */
export async function fitSoftmaxProbe(
  train: LabelledFeatures,
  { l2, classes, ...options }: FitOptions & { readonly l2: number },
): Promise<ProbeFit> {
  const where = 'fitSoftmaxProbe';
  assertInRange(l2, 'l2', where, Number.MIN_VALUE);
  const limits = searchLimits(options, where);
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

/** The limits with their defaults. @throws {ConfigError} */
export function searchLimits(
  { gradientTolerance = 1e-5, maximumIterations = 1000 }: Omit<FitOptions, 'classes'>,
  where: string,
): Required<Omit<FitOptions, 'classes'>> {
  assertInRange(gradientTolerance, 'gradientTolerance', where, Number.MIN_VALUE);
  assertInteger(maximumIterations, 'maximumIterations', where);
  return { gradientTolerance, maximumIterations };
}

export function factsOf({ l2, trainingLoss, result }: PathPoint): FitFacts {
  const { gradientNorm, iterations, evaluations, converged } = result;
  return { l2, trainingLoss, gradientNorm, iterations, evaluations, converged };
}
