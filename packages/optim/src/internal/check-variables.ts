import type { Variable } from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';

/** Checks that there are variables, all float32. @throws {ConfigError} */
export function assertFloatVariables(variables: ReadonlyMap<string, Variable>, where: string): void {
  const others = [...variables].filter(([, variable]) => variable.dtype !== 'float32');
  if (variables.size === 0 || others.length) {
    throw new ConfigError({
      where,
      expected: 'float32 variables',
      got: others.map(([name, { dtype }]) => `${name}, ${dtype}`).join('; ') || 'none',
      fix: 'Take them from namedTrainableVariables().',
    });
  }
}
