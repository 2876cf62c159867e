import { assertMembers } from './check-options.js';
import { formatShape } from './checks.js';
import { DataError, ShapeError } from './errors.js';
import { elementCount } from './host-arrays.js';

/** How far values of images may lie outside [0, 1]: what rounding and resampling may add. */
const tolerance = 0.01;

/** Which values {@link assertImages} takes. */
export interface ImageRules {
  /** Whether NaN and infinite values pass, for callers that deal with them. @default false */
  readonly allowNonFinite?: boolean;
  /** Position of each image in its source, for messages. @default its position in the batch */
  readonly indices?: ArrayLike<number>;
}

const channelsFirstAdvice = 'The images seem to be [B, C, H, W]: transpose them to [B, H, W, C].';

/**
 * Returns the advice for images of a wrong shape `[B, H, W, C]`.
 * @param otherwise  advice for images whose channels do not come first
 */
export function imageShapeAdvice(
  shape: readonly number[],
  channels: number,
  otherwise = 'Resize or crop the images to imageSize.',
): string {
  return isChannelsFirst(shape, channels) ? channelsFirstAdvice : otherwise;
}

/**
 * Throws unless `data` and `shape` are images `[B, H, W, C]` with values in [0, 1], as everything
 * of ours takes them. Compiled code cannot look at values, and would learn from wrong ones without
 * a word.
 * @throws {ConfigError} for anything but an object with data and shape
 * @throws {ShapeError} for another layout, and for data that does not fit the shape
 * @throws {DataError} for other values, naming the likely mistake
 */
export function assertImages(
  images: { readonly data: ArrayLike<number>; readonly shape: readonly number[] },
  where: string,
  rules: ImageRules = {},
): void {
  assertMembers(images, ['data', 'shape'], 'the images', where);
  const { data, shape } = images;
  if (shape.length !== 4 || data.length !== elementCount(shape) || data.length === 0) {
    const got = `${data.length} values for ${formatShape(shape)}`;
    throw new ShapeError({ where, expected: 'the values of one image or more, of shape [B, H, W, C]', got });
  }
  assertChannelsLast(shape, where);
  assertImageValues(data, elementCount(shape.slice(1)), where, rules);
}

/**
 * Throws for a shape of images whose channels seem to come first, of whatever number of channels.
 * @throws {ShapeError}
 */
export function assertChannelsLast(shape: readonly number[], where: string): void {
  const seemsChannelsFirst = [1, 3, 4].some((channels) => isChannelsFirst(shape, channels)) && shape[3]! > 4;
  if (!seemsChannelsFirst) return;
  throw new ShapeError({
    where,
    expected: 'images of shape [B, H, W, C]',
    got: formatShape(shape),
    fix: channelsFirstAdvice,
  });
}

/**
 * Throws unless all values of images are in [0, 1], up to rounding.
 * @param data  images one after the other, in any layout
 * @param imageSize  number of values of an image
 * @throws {DataError} naming the likely mistake and the first image that has it
 */
export function assertImageValues(
  data: ArrayLike<number>,
  imageSize: number,
  where: string,
  { allowNonFinite = false, indices }: ImageRules = {},
): void {
  for (let index = 0; index < data.length; index++) {
    const value = data[index]!;
    if (value >= -tolerance && value <= 1 + tolerance) continue;
    if (allowNonFinite && !Number.isFinite(value)) continue;
    const position = Math.floor(index / imageSize);
    throw wrongValue(value, data, `image ${indices?.[position] ?? position}`, where);
  }
}

/** Returns the error of a value, the first of `data` that an image cannot have. */
function wrongValue(value: number, data: ArrayLike<number>, image: string, where: string): DataError {
  const expected = 'images with values in [0, 1]';
  if (!Number.isFinite(value)) return new DataError({ where, expected, got: `${value} in ${image}` });
  let smallest = Infinity;
  let largest = -Infinity;
  for (let index = 0; index < data.length; index++) {
    if (!Number.isFinite(data[index]!)) continue;
    smallest = Math.min(smallest, data[index]!);
    largest = Math.max(largest, data[index]!);
  }
  const got = `values from ${shortly(smallest)} to ${shortly(largest)}, first in ${image}`;
  return new DataError({ where, expected, got, fix: adviceForRange(smallest, largest) });
}

function adviceForRange(smallest: number, largest: number): string {
  if (smallest >= 0 && largest <= 255) return 'Bytes become images when they are divided by 255.';
  if (smallest >= -1 - tolerance && largest <= 1 + tolerance) {
    return 'Values in [-1, 1] become images by (x + 1) / 2; models scale their input themselves.';
  }
  return 'Models scale their input themselves: take back what was done to the pixels.';
}

function shortly(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function isChannelsFirst(shape: readonly number[], channels: number): boolean {
  return shape.length === 4 && shape[1] === channels && shape[3] !== channels && shape[2]! > 1;
}
