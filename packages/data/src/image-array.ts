import { assertInteger, DataError } from '@vitvq/core';
import type { ImageSource, PixelStorage, Resampling } from './image-source.js';

export interface ImageArrayOptions {
  /** `[length, height, width, channels]` row-major, 0 to 255. Used as it is, not copied. */
  images: Uint8Array;
  /** Pixels. */
  height: number;
  /** Pixels. */
  width: number;
  /** @default 3 */
  channels?: number;
  /** Class of each image, in `[0, classes.length)`. @default all 0 */
  labels?: ArrayLike<number>;
  /** @default as many numbers as the labels need, or none without labels */
  classes?: readonly string[];
  /** How batches scale them: `nearest` for segmentation maps. @default 'smooth' */
  resampling?: Resampling;
  /** @default 'image array' */
  name?: string;
}

/**
 * Images of one size that are in memory already.
 * @throws {DataError} when the bytes are not a whole number of images, or the labels do not fit them
 */
export function openImageArray({
  images,
  height,
  width,
  channels = 3,
  labels,
  classes,
  resampling = 'smooth',
  name = 'image array',
}: ImageArrayOptions): ImageSource & { readonly storage: PixelStorage } {
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
  if (labels && labels.length !== length) {
    throw new DataError({ where, expected: `${length} labels, one an image`, got: `${labels.length}` });
  }
  const classIndices = Int32Array.from({ length }, (_, index) => labels?.[index] ?? 0);
  const needed = labels ? classIndices.reduce((most, label) => Math.max(most, label + 1), 0) : 0;
  const names = classes ?? Array.from({ length: needed }, (_, index) => String(index));
  const wrong = classIndices.findIndex(
    (label, index) => label < 0 || label >= Math.max(names.length, 1) || label !== (labels?.[index] ?? 0),
  );
  if (wrong >= 0) {
    throw new DataError({
      where,
      expected: `labels to be integers in [0, ${Math.max(names.length, 1)})`,
      got: `${labels?.[wrong]} for image ${wrong}`,
    });
  }
  const rows = Uint32Array.from({ length }, (_, index) => index);
  const storage: PixelStorage = { kind: 'pixels', pixels: images, height, width, channels, rows, resampling };
  return { name, length, classes: names, labels: classIndices, storage };
}
