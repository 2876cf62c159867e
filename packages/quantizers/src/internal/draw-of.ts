import type { Tensor3D } from '@tensorflow/tfjs-core';
import type { QuantizeContext, Quantizer } from '@vitvq/core';
import type { CodeLookupOptions } from '../code-table.js';
import { assertNoise } from './assert-noise.js';
import { assertTemperature } from './assert-temperature.js';

/**
 * Returns how a call draws codes; nothing for a quantizer that chooses the nearest one.
 * @throws {ShapeError} for noise of another shape
 * @throws {ConfigError} for training without noise, and for a temperature that is not positive
 */
export function drawOf(
  quantizer: Pick<Quantizer, 'temperature' | 'noiseShape'>,
  z: Tensor3D,
  { training = false, noise, temperature = quantizer.temperature }: QuantizeContext,
  where: string,
): Pick<CodeLookupOptions, 'noise' | 'temperature'> {
  if (!quantizer.noiseShape || temperature === undefined) return {};
  assertNoise(noise, training, quantizer.noiseShape(z.shape[0], z.shape[1]), '[B, N, K]', where);
  assertTemperature(temperature, where);
  return { noise, temperature };
}
