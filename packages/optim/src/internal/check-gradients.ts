import type { Tensor, Variable } from '@tensorflow/tfjs-core';
import { formatShape, ShapeError } from '@vitvq/core';

/**
 * Throws unless there is a gradient of the right shape for each variable and none besides.
 * @throws {ShapeError} naming all missing, unexpected and mis-shaped gradients together
 */
export function assertGradients(
  variables: ReadonlyMap<string, Variable>,
  gradients: ReadonlyMap<string, Tensor>,
  where: string,
  fix: string,
): void {
  const missing = [...variables.keys()].filter((name) => !gradients.has(name));
  const unexpected = [...gradients.keys()].filter((name) => !variables.has(name));
  const misshaped = [...variables].flatMap(([name, variable]) => {
    const shape = gradients.get(name)?.shape;
    return shape && formatShape(shape) !== formatShape(variable.shape)
      ? [`${name} ${formatShape(shape)} instead of ${formatShape(variable.shape)}`]
      : [];
  });
  const problems = [
    missing.length ? `missing: ${missing.join(', ')}` : '',
    unexpected.length ? `unexpected: ${unexpected.join(', ')}` : '',
    misshaped.length ? `wrong shape: ${misshaped.join(', ')}` : '',
  ].filter(Boolean);
  if (problems.length) {
    throw new ShapeError({
      where,
      expected: `a gradient for each of ${variables.size} variables`,
      got: problems.join('; '),
      fix: missing.length ? fix : undefined,
    });
  }
}
