import type { LabelledFeatures } from '../feature-set.js';
import { SoftmaxProbe } from '../softmax-probe.js';
import { TrainingSet, type CrossEntropyProgram } from './cross-entropy.js';
import { minimize, type Evaluation, type LbfgsOptions, type LbfgsResult } from './lbfgs.js';
import { standardizationOf } from './standardization.js';

/** A minimum and its classifier. */
export interface PathPoint<P = SoftmaxProbe> {
  /** Strength of the penalty. */
  readonly l2: number;
  readonly probe: P;
  /** Mean cross-entropy of the training samples in nats, without the penalty. */
  readonly trainingLoss: number;
  readonly result: LbfgsResult;
}

/**
 * Minimises `cross-entropy + l2 / 2 |W|^2` for each l2 in the given order. The bias is not
 * penalised. Each search starts where the one before ended: the minimum is unique, so the start
 * decides only how long the search takes. A caller who leaves the loop early skips the remaining
 * penalties.
 */
export async function* fitPath(
  program: CrossEntropyProgram,
  train: LabelledFeatures,
  classes: number,
  l2s: readonly number[],
  options: LbfgsOptions,
): AsyncGenerator<PathPoint, void, undefined> {
  const standardization = standardizationOf(train);
  const trainingSet = new TrainingSet(program, train, standardization, classes);
  const weightCount = train.dim * classes;
  try {
    let start = new Float64Array(weightCount + classes);
    for (const l2 of l2s) {
      const objective = async (parameters: Float64Array): Promise<Evaluation> =>
        penalized(await trainingSet.evaluate(parameters), parameters, l2, weightCount);
      const result = await minimize(objective, start, options);
      start = result.position.slice();
      const weights = Float32Array.from(start.subarray(0, weightCount));
      const probe = new SoftmaxProbe(standardization, weights, Float32Array.from(start.subarray(weightCount)));
      yield { l2, probe, result, trainingLoss: result.value - penaltyOf(start, l2, weightCount) };
    }
  } finally {
    trainingSet.dispose();
  }
}

/** Adds the penalty of the first parameters to a value and its gradient. */
export function penalized(
  { value, gradient }: Evaluation,
  parameters: Float64Array,
  l2: number,
  weightCount: number,
): Evaluation {
  return {
    value: value + penaltyOf(parameters, l2, weightCount),
    gradient: gradient.map((slope, index) => (index < weightCount ? slope + l2 * parameters[index]! : slope)),
  };
}

/** Returns the penalty of the first parameters. */
export function penaltyOf(parameters: Float64Array, l2: number, weightCount: number): number {
  let sum = 0;
  for (let index = 0; index < weightCount; index++) sum += parameters[index]! ** 2;
  return (l2 / 2) * sum;
}
