import { assertInRange, ConfigError } from '@vitvq/core';

/** PSNR in decibels that an exact reproduction counts as, so that means over images stay finite. */
const maximumPsnr = 100;

/**
 * Returns the peak signal-to-noise ratio in decibels, `10 log10(peak^2 / meanSquaredError)`;
 * infinity for an error of 0.
 * @param peak  largest possible value: 1 for images in [0, 1], 255 for bytes
 * @throws {ConfigError} for a negative or NaN error, or a peak that is not positive
 */
export function psnr(meanSquaredError: number, peak = 1): number {
  assertInRange(meanSquaredError, 'meanSquaredError', 'psnr', 0);
  if (!(peak > 0 && peak < Infinity)) {
    throw new ConfigError({ where: 'psnr', expected: 'peak to be a positive number', got: String(peak) });
  }
  return 10 * Math.log10((peak * peak) / meanSquaredError);
}

/**
 * Returns the PSNR of one image in [0, 1] for use in a mean: 100 dB at most.
 * @throws {ConfigError} for a negative or NaN error
 */
export function cappedPsnr(meanSquaredError: number): number {
  return Math.min(maximumPsnr, psnr(meanSquaredError));
}
