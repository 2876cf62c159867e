import type { Tensor } from '@tensorflow/tfjs-core';
import { assertShape, ConfigError } from '@vitvq/core';

/**
 * Checks the noise of a quantizer that draws.
 * @param letters  the shape in letters, for the message
 * @throws {ShapeError} for noise of another shape
 * @throws {ConfigError} for training without it
 */
export function assertNoise(
  noise: Tensor | undefined,
  training: boolean,
  shape: readonly number[],
  letters: string,
  where: string,
): void {
  if (noise) assertShape(noise, shape, `${where}, noise`);
  else if (training) {
    throw new ConfigError({
      where,
      expected: `noise ${letters} in training`,
      got: 'none',
      fix: 'Pass noise: uniform numbers in [0, 1) of the shape that noiseShape(batch, tokens) returns.',
    });
  }
}
