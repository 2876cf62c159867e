import type { Scalar, Tensor, Variable } from '@tensorflow/tfjs-core';
import { assertShape, checkOptions, namedDifferences, ShapeError, type OptionTable } from '@vitvq/core';
import type { ApplyOptions } from '../optimizer.js';

/**
 * Checks that there is a gradient of the right shape for each variable, and no other gradient.
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped gradients together
 */
export function assertGradients(
  variables: ReadonlyMap<string, Variable>,
  gradients: ReadonlyMap<string, Tensor>,
  where: string,
  fix: string,
): void {
  const problems = namedDifferences(variables, gradients);
  if (problems.length) {
    throw new ShapeError({
      where,
      expected: `a gradient for each of ${variables.size} variables`,
      got: problems.join('; '),
      fix: [...variables.keys()].every((name) => gradients.has(name)) ? undefined : fix,
    });
  }
}

const applyOptionNames: OptionTable<ApplyOptions> = { gradientScale: 'optional' };

/** Checks the arguments of an optimizer's `apply`. @throws {ShapeError} @throws {ConfigError} */
export function assertApplicable(
  variables: ReadonlyMap<string, Variable>,
  gradients: ReadonlyMap<string, Tensor>,
  learningRate: Scalar,
  options: ApplyOptions,
  where: string,
): void {
  const { gradientScale } = checkOptions(options, applyOptionNames, where);
  assertGradients(variables, gradients, where, 'Leave variables that the loss does not reach out of the groups.');
  assertShape(learningRate, [], where, 'Give the learning rate as a scalar tensor.');
  if (gradientScale) assertShape(gradientScale, [], where, 'Give gradientScale as a scalar tensor.');
}
