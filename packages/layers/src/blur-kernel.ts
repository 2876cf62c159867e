import { ConfigError } from '@vitvq/core';
import type { HostTensor } from '@vitvq/core';
import type { SeparableKernel } from './upfirdn2d.js';

/**
 * Taps of a blur: those along one axis, used along both, or the rows of a two-dimensional kernel,
 * which need not be separable.
 */
export type BlurTaps = readonly number[] | readonly (readonly number[])[];

/**
 * Returns the kernel `[kh, kw]` of a blur, scaled to a sum of 1. Taps along one axis give their
 * outer product with themselves; `[1, 3, 3, 1]` is StyleGAN2's blur (arXiv:1912.04958).
 * @throws {ConfigError} unless the taps are a row or a matrix of finite numbers with a sum other
 *   than 0
 */
export function blurKernel(taps: BlurTaps, where = 'blurKernel'): HostTensor {
  const isMatrix = isRows(taps);
  const rows = isMatrix ? taps : taps.map((first) => taps.map((second) => first * second));
  const width = rows[0]?.length ?? 0;
  const values = rows.flat();
  const sum = values.reduce((total, tap) => total + tap, 0);
  const isRectangle = width > 0 && rows.every((row) => row.length === width);
  if (!isRectangle || !Number.isFinite(sum) || sum === 0) {
    throw new ConfigError({
      where,
      expected: 'blurKernel to be one or more finite numbers, or rows of equal length, whose sum is not 0',
      got: isMatrix ? `[${rows.map((row) => `[${row.join(', ')}]`).join(', ')}]` : `[${taps.join(', ')}]`,
    });
  }
  return { shape: [rows.length, width], data: Float32Array.from(values, (tap) => tap / sum) };
}

/**
 * Returns the taps of a blur along each axis, scaled to a sum of 1, where it is separable as it is
 * given: taps along one axis. Undefined for rows of a two-dimensional kernel.
 * @throws {ConfigError} as {@link blurKernel} does
 */
export function separableBlur(taps: BlurTaps, where = 'separableBlur'): SeparableKernel | undefined {
  blurKernel(taps, where); // checks the taps
  if (isRows(taps)) return undefined;
  const sum = taps.reduce((total, tap) => total + tap, 0);
  const scaled = taps.map((tap) => tap / sum);
  return { vertical: scaled, horizontal: scaled };
}

function isRows(taps: BlurTaps): taps is readonly (readonly number[])[] {
  return taps.length > 0 && taps.every((row) => Array.isArray(row));
}
