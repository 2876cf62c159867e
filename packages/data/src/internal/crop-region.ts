import { foldIn, randomUniform, UnusableImageError, type RandomKey } from '@vitvq/core';
import type { AugmentationStep } from '../augmentation.js';

/** `[height, width]` in pixels. */
export type Pixels2D = readonly [height: number, width: number];

/** Everything random about one image. */
export interface CropDraws {
  /** Vertical position of the crop, in [0, 1); undefined: in the middle. */
  readonly y: number | undefined;
  /** Horizontal position of the crop, in [0, 1); undefined: in the middle. */
  readonly x: number | undefined;
  /** Whether the crop is mirrored, left to right. */
  readonly flip: boolean;
  /** Key of the draws of an augmentation; undefined without one. */
  readonly key?: RandomKey;
}

/** What is folded into the key of an image for the draws of a resized crop. */
const RESIZED_KEY = 0;

/** What is folded into the key of an image for the draws of changes of its pixels. */
export const PIXELS_KEY = 1;

/** The draws of an image about which nothing is random. */
export const CENTER: CropDraws = { y: undefined, x: undefined, flip: false };

/** Settings of a stream that are the same for every image. */
export interface CropSettings {
  /** Size of the crop. */
  readonly imageSize: Pixels2D;
  /**
   * Before the crop an image is scaled, keeping its proportions, until it just covers this size.
   */
  readonly resizeTo: Pixels2D;
  /** Steps of the augmentation, where there is one. */
  readonly augment?: readonly AugmentationStep[];
}

/** A crop of a scaled image. */
export interface CropRegion {
  readonly scaledHeight: number;
  readonly scaledWidth: number;
  /** First row of the crop in the scaled image. */
  readonly top: number;
  /** First column of the crop in the scaled image. */
  readonly left: number;
  readonly height: number;
  readonly width: number;
  /** Whether the crop is mirrored, left to right. */
  readonly flip: boolean;
}

/** What a crop of one image is computed from, apart from its size. */
export interface CropRequest {
  readonly crop: CropSettings;
  readonly draws: CropDraws;
  /** Whether images smaller than the crop are refused instead of enlarged. */
  readonly strict: boolean;
  /** Size of the image that a condition image belongs to; the region is computed for that image. */
  readonly original?: Pixels2D;
}

/**
 * Computes the region of an image that a batch shows.
 * @throws {UnusableImageError} when the image is too small (`strict`), or its proportions are not
 *   those of `original`
 */
export function cropRegion([height, width]: Pixels2D, { crop, draws, strict, original }: CropRequest): CropRegion {
  const [cropHeight, cropWidth] = crop.imageSize;
  const [coverHeight, coverWidth] = crop.resizeTo;
  if (strict && (height < cropHeight || width < cropWidth)) {
    throw new UnusableImageError(
      `it is ${height}x${width}, smaller than the crop ${cropHeight}x${cropWidth} (height x width)`,
    );
  }
  if (original && !haveSameProportions(original, [height, width])) {
    throw new UnusableImageError(`it is ${height}x${width}, of other proportions than ${original[0]}x${original[1]}`);
  }
  const [wholeHeight, wholeWidth] = original ?? [height, width];
  const resized = crop.augment?.find((step) => step.kind === 'random-resized-crop');
  if (resized && draws.key) return resizedRegion([wholeHeight, wholeWidth], crop.imageSize, resized, draws);
  const scale = Math.max(coverHeight / wholeHeight, coverWidth / wholeWidth);
  const scaledHeight = Math.max(coverHeight, Math.round(wholeHeight * scale));
  const scaledWidth = Math.max(coverWidth, Math.round(wholeWidth * scale));
  return {
    scaledHeight,
    scaledWidth,
    top: placed(scaledHeight - cropHeight, draws.y),
    left: placed(scaledWidth - cropWidth, draws.x),
    height: cropHeight,
    width: cropWidth,
    flip: draws.flip,
  };
}

/** Number of areas and proportions that are drawn before the middle of the image is taken. */
const RESIZED_TRIES = 10;

/**
 * Draws area and proportions of a crop until it fits into the image, and then its place. The image
 * is scaled, in general not by the same factor in both directions, so that the crop gets its size.
 */
function resizedRegion(
  [height, width]: Pixels2D,
  [cropHeight, cropWidth]: Pixels2D,
  { scale, ratio }: Extract<AugmentationStep, { kind: 'random-resized-crop' }>,
  { key, flip }: CropDraws,
): CropRegion {
  const draws = randomUniform(foldIn(key!, RESIZED_KEY), RESIZED_TRIES * 4);
  const between = ([from, to]: readonly [number, number], draw: number): number => from + (to - from) * draw;
  const logarithms = [Math.log(ratio[0]), Math.log(ratio[1])] as const;
  let part = middlePart([height, width], ratio);
  for (let attempt = 0; attempt < RESIZED_TRIES; attempt++) {
    const [area, proportion, y, x] = draws.subarray(attempt * 4, attempt * 4 + 4);
    const pixels = height * width * between(scale, area!);
    const aspect = Math.exp(between(logarithms, proportion!));
    const [partHeight, partWidth] = [Math.round(Math.sqrt(pixels / aspect)), Math.round(Math.sqrt(pixels * aspect))];
    if (partHeight < 1 || partWidth < 1 || partHeight > height || partWidth > width) continue;
    const [top, left] = [placed(height - partHeight, y), placed(width - partWidth, x)];
    part = { top, left, height: partHeight, width: partWidth };
    break;
  }
  const scaledHeight = Math.round((height * cropHeight) / part.height);
  const scaledWidth = Math.round((width * cropWidth) / part.width);
  return {
    scaledHeight,
    scaledWidth,
    top: Math.min(scaledHeight - cropHeight, Math.round((part.top * scaledHeight) / height)),
    left: Math.min(scaledWidth - cropWidth, Math.round((part.left * scaledWidth) / width)),
    height: cropHeight,
    width: cropWidth,
    flip,
  };
}

/** Returns the largest part in the middle of an image whose proportions are allowed. */
function middlePart(
  [height, width]: Pixels2D,
  [narrowest, widest]: readonly [number, number],
): { top: number; left: number; height: number; width: number } {
  const partWidth = Math.max(1, Math.min(width, Math.round(height * widest)));
  const partHeight = Math.max(1, Math.min(height, Math.round(width / narrowest)));
  const [top, left] = [placed(height - partHeight, undefined), placed(width - partWidth, undefined)];
  return { top, left, height: partHeight, width: partWidth };
}

/**
 * Whether two sizes can be those of one image: sides of the smaller one are rounded, by less than a
 * pixel.
 */
export function haveSameProportions([height, width]: Pixels2D, [otherHeight, otherWidth]: Pixels2D): boolean {
  const larger = Math.max(height, width, otherHeight, otherWidth);
  return Math.abs(height * otherWidth - width * otherHeight) <= larger;
}

function placed(room: number, draw: number | undefined): number {
  return draw === undefined ? Math.floor(room / 2) : Math.floor(draw * (room + 1));
}
