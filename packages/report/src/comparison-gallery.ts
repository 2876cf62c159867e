import { ConfigError, ShapeError, assertInteger } from '@vitvq/core';
import type { GalleryBlock } from './report-content.js';
import { toRgbImages } from './rgb-image.js';

/** The same images from one source: the data set, or the reconstructions of one model. */
export interface ComparisonColumn {
  /** Such as `original`, `L2 alone` and `full loss`. */
  readonly label: string;
  /** `[B, H, W, C]` in [0, 1]. */
  readonly images: Float32Array;
}

export interface ComparisonGalleryOptions {
  /** Of every column, `[B, H, W, C]`. */
  readonly shape: readonly [number, number, number, number];
  /** Images that are shown, from the first. @default 12 */
  readonly examples?: number;
  /** One text an image, B in all. */
  readonly names?: readonly string[];
  /** What the reader should look at. */
  readonly caption?: string;
  /** See `ImageBlock.file`. */
  readonly file?: string;
}

/**
 * Each image beside what several models make of it: a block of a report, with the same images in every column.
 * @throws {ShapeError} when a column does not fill the shape, or names are not as many as images
 * @throws {ConfigError} for fewer than two columns
 */
export function comparisonGallery(
  columns: readonly ComparisonColumn[],
  { shape, examples = 12, names, caption, file }: ComparisonGalleryOptions,
): GalleryBlock {
  const where = 'comparisonGallery';
  const [count, ...imageShape] = shape;
  assertInteger(examples, 'examples', where);
  assertInteger(count, 'the number of images', where);
  if (columns.length < 2) {
    throw new ConfigError({ where, expected: 'two columns or more', got: String(columns.length) });
  }
  const pixels = imageShape.reduce((product, size) => product * size, 1);
  for (const { label, images } of columns) {
    if (images.length !== count * pixels) {
      const got = `${images.length} values`;
      throw new ShapeError({ where, expected: `${count * pixels} values of "${label}"`, got });
    }
  }
  if (names && names.length !== count) {
    throw new ShapeError({ where, expected: `${count} names`, got: String(names.length) });
  }
  const shown = Math.min(examples, count);
  const pictures = columns.map(({ images }) =>
    toRgbImages(images.subarray(0, shown * pixels), [shown, ...imageShape] as [number, number, number, number]),
  );
  return {
    kind: 'gallery',
    labels: columns.map(({ label }) => label),
    items: Array.from({ length: shown }, (_, index) => ({
      images: pictures.map((column) => column[index]!),
      ...(names && { caption: names[index]! }),
    })),
    ...(caption !== undefined && { caption }),
    ...(file !== undefined && { file }),
  };
}
