import { createHash } from 'node:crypto';
import { DataError, assertInteger, checkOptions, type OptionTable, type Resampling } from '@vitvq/core';
import type { ImageDataset } from './image-dataset.js';
import { completeSource } from './internal/complete-source.js';

/** Options of `openImageArray`. */
export interface ImageArrayOptions {
  /**
   * `[length, height, width, channels]` row-major, 0 to 255. The source reads this array and does
   * not copy it.
   */
  images: Uint8Array;
  /** Height of every image in pixels. */
  height: number;
  /** Width of every image in pixels. */
  width: number;
  /** Channels of every image. @default 3 */
  channels?: number;
  /** Class of each image, in `[0, classNames.length)`. @default all 0 */
  labels?: ArrayLike<number>;
  /** Names of the classes. @default as many numbers as the labels need, or none without labels */
  classNames?: readonly string[];
  /** How batches scale the images: `nearest` for segmentation maps. @default 'smooth' */
  resampling?: Resampling;
  /** Name for people. @default 'image array' */
  name?: string;
}

const imageArrayOptionNames: OptionTable<ImageArrayOptions> = {
  images: 'required',
  height: 'required',
  width: 'required',
  channels: 'optional',
  labels: 'optional',
  classNames: 'optional',
  resampling: 'optional',
  name: 'optional',
};

/** An image source whose images all have one size. */
export interface ImageArray extends ImageDataset {
  readonly imageSize: readonly [height: number, width: number];
}

/** Images whose bytes count for the identity, spread evenly over the array. */
const IDENTITY_SAMPLES = 256;

/**
 * Opens images of one size that are in memory.
 * @throws {ConfigError} for a size that is not a positive integer
 * @throws {DataError} when the bytes are not a whole number of images, or the labels do not fit
 *   them
 */
export function openImageArray(options: ImageArrayOptions): ImageArray {
  const {
    images,
    height,
    width,
    channels = 3,
    labels,
    classNames,
    resampling,
    name = 'image array',
  } = checkOptions(options, imageArrayOptionNames, 'openImageArray');
  const where = 'openImageArray';
  assertInteger(height, 'height', where);
  assertInteger(width, 'width', where);
  assertInteger(channels, 'channels', where);
  const size = height * width * channels;
  const length = images.length / size;
  if (!Number.isInteger(length) || length === 0) {
    throw new DataError({
      where,
      expected: `a whole number of ${height}x${width}x${channels} images, ${size} bytes each`,
      got: `${images.length} bytes`,
    });
  }
  const pixelsOf = (index: number): Uint8Array => images.subarray(index * size, (index + 1) * size);
  const dataset = completeSource(
    {
      length,
      name,
      labels,
      classNames,
      channels,
      decoding: { resampling },
      read: (index) => ({ pixels: pixelsOf(index), height, width }),
    },
    where,
  );
  return {
    ...dataset,
    imageSize: [height, width],
    get identity(): string {
      const hash = createHash('sha256');
      const stride = Math.ceil(length / IDENTITY_SAMPLES);
      for (let index = 0; index < length; index += stride) hash.update(pixelsOf(index));
      return hash.digest('hex');
    },
  };
}
