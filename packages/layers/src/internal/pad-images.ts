import * as tf from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';
import type { Padding2D } from '../padding-2d.js';

/** Pixels at each side of an image. */
export interface Sides {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/**
 * Returns the padding of each side.
 * @param minimum  the smallest number allowed; negative numbers crop
 * @throws {ConfigError} for numbers that are not integers or are below `minimum`
 */
export function toSides(padding: Padding2D, name: string, where: string, minimum = -Infinity): Sides {
  const numbers = typeof padding === 'number' ? [padding, padding] : padding;
  const [left, right, top = left, bottom = right] = numbers;
  const isPadding = numbers.length === 2 || numbers.length === 4;
  if (!isPadding || !numbers.every((number) => Number.isInteger(number) && number >= minimum)) {
    throw new ConfigError({
      where,
      expected:
        `${name} to be an integer, [before, after] or [left, right, top, bottom]` +
        (minimum === -Infinity ? '' : `, of integers of at least ${minimum}`),
      got: JSON.stringify(padding),
    });
  }
  return { left: left, right: right, top: top, bottom: bottom };
}

/** Pads images `[B, H, W, C]` with zeros; negative numbers crop. */
export function padImages(images: tf.Tensor4D, { left, right, top, bottom }: Sides): tf.Tensor4D {
  const grow = (side: number): number => Math.max(side, 0);
  const crop = (side: number): number => Math.max(-side, 0);
  const sides = [left, right, top, bottom];
  const grown = sides.some((side) => side > 0)
    ? tf.pad(images, [
        [0, 0],
        [grow(top), grow(bottom)],
        [grow(left), grow(right)],
        [0, 0],
      ])
    : images;
  if (sides.every((side) => side >= 0)) return grown;
  const [batch, height, width, channels] = grown.shape;
  return tf.slice(
    grown,
    [0, crop(top), crop(left), 0],
    [batch, height - crop(top) - crop(bottom), width - crop(left) - crop(right), channels],
  );
}
