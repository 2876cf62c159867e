import { UnusableImageError } from '@vitvq/core';

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
}

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
