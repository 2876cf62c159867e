import type { Tensor } from '@tensorflow/tfjs-core';
import { assertMembers } from './check-options.js';
import { ConfigError, ShapeError } from './errors.js';
import { nearestName } from './nearest-name.js';

/** A size that must match, or a letter of the shape legend, which stands for any size. */
export type ExpectedDimension = number | string;

/** Formats a shape for messages: `[2, 3]`. */
export function formatShape(shape: readonly ExpectedDimension[]): string {
  return `[${shape.join(', ')}]`;
}

/**
 * Throws unless `tensor` has the expected shape. A letter matches any size, and the same letter
 * matches the same size everywhere.
 * @throws {ShapeError}
 * @throws {ConfigError} for what is no tensor
 */
export function assertShape(
  tensor: Pick<Tensor, 'shape'>,
  expected: readonly ExpectedDimension[],
  where: string,
  fix?: string,
): void {
  assertMembers(tensor, ['shape'], 'a tensor', where);
  const bound = new Map<string, number>();
  const fits =
    tensor.shape.length === expected.length &&
    expected.every((dimension, axis) => {
      const size = tensor.shape[axis]!;
      if (typeof dimension === 'number') return dimension === size;
      const known = bound.get(dimension);
      bound.set(dimension, size);
      return known === undefined || known === size;
    });
  if (!fits)
    throw new ShapeError({ where, expected: `shape ${formatShape(expected)}`, got: formatShape(tensor.shape), fix });
}

/**
 * Largest size of an axis, a vocabulary or anything else that is counted and held in memory, 2^31 -
 * 1: tokens and indices are 32-bit integers.
 */
export const maximumSize = 2 ** 31 - 1;

/**
 * Throws unless `value` is an integer from `minimum` to `maximum`. The default maximum suits
 * whatever becomes the length of an array; give another one for steps, bytes and seeds.
 * @throws {ConfigError}
 */
export function assertInteger(
  value: number,
  name: string,
  where: string,
  minimum = 1,
  maximum: number = maximumSize,
): void {
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return;
  const range = Number.isFinite(value) && value > maximum ? `at most ${maximum}` : `at least ${minimum}`;
  throw new ConfigError({ where, expected: `${name} to be an integer of ${range}`, got: String(value) });
}

/** Throws unless `value` is a finite number within `[minimum, maximum]`. @throws {ConfigError} */
export function assertInRange(value: number, name: string, where: string, minimum: number, maximum = Infinity): void {
  if (!Number.isFinite(value) || value < minimum || value > maximum) {
    const range = maximum === Infinity ? `at least ${minimum}` : `within [${minimum}, ${maximum}]`;
    throw new ConfigError({ where, expected: `${name} to be a finite number ${range}`, got: String(value) });
  }
}

/**
 * Throws unless `value` is one of a few texts, such as those that an option can have.
 * @throws {ConfigError} naming all of them, and the one that was probably meant
 */
export function assertOneOf(value: unknown, texts: readonly string[], name: string, where: string): void {
  if ((texts as readonly unknown[]).includes(value)) return;
  const meant = typeof value === 'string' ? nearestName(value, texts) : undefined;
  const got = typeof value === 'string' ? JSON.stringify(value) : String(value);
  throw new ConfigError({
    where,
    expected: `${name} to be one of ${texts.join(', ')}`,
    got: meant === undefined ? got : `${got} (did you mean "${meant}"?)`,
  });
}

/** Height and width; a single number stands for a square. */
export type Size2D = number | readonly [height: number, width: number];

/** Returns `[height, width]` of a size that may be a single number. */
export function toSize2D(size: Size2D): readonly [number, number] {
  return typeof size === 'number' ? [size, size] : size;
}

/**
 * Returns the number of rows and columns of patches in an image.
 * @throws {ConfigError} when the image is not a whole number of patches
 */
export function patchGrid(imageSize: Size2D, patchSize: Size2D, where: string): readonly [number, number] {
  const [height, width] = toSize2D(imageSize);
  const [patchHeight, patchWidth] = toSize2D(patchSize);
  for (const [value, name] of [
    [height, 'image height'],
    [width, 'image width'],
    [patchHeight, 'patch height'],
    [patchWidth, 'patch width'],
  ] as const) {
    assertInteger(value, name, where);
  }
  if (height % patchHeight !== 0 || width % patchWidth !== 0) {
    throw new ConfigError({
      where,
      expected: `imageSize to be a multiple of patchSize ${patchHeight}x${patchWidth}`,
      got: `${height}x${width}`,
      fix: 'Resize or crop the images, or choose another patch size.',
    });
  }
  return [height / patchHeight, width / patchWidth];
}
