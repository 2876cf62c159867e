import {
  assertInteger,
  checkOptions,
  ConfigError,
  firstImages,
  formatShape,
  ShapeError,
  toRgbImages,
  type HostImages,
  type OptionTable,
} from '@vitvq/core';
import type { GalleryBlock } from './report-content.js';

/** The same images from one source: the data set, or the reconstructions of one model. */
export interface ComparisonColumn {
  /** Name of the source, such as `original`, `L2 alone` or `full loss`. */
  readonly label: string;
  /** `[B, H, W, C]` in [0, 1], of the same shape in every column. */
  readonly images: HostImages;
}

/** Options of {@link comparisonGallery}. */
export interface ComparisonGalleryOptions {
  /** Number of images that are shown, from the first. @default 12 */
  readonly shown?: number;
  /** One text for each image, B texts. */
  readonly names?: readonly string[];
  /** What the reader should look at. */
  readonly caption?: string;
  /** See `ImageBlock.file`. */
  readonly file?: string;
}

const comparisonGalleryOptionNames: OptionTable<ComparisonGalleryOptions> = {
  shown: 'optional',
  names: 'optional',
  caption: 'optional',
  file: 'optional',
};

/**
 * Shows each image beside the reconstructions of several models, with the same images in every
 * column.
 * @throws {ShapeError} when columns differ in shape, or the number of names is not the number of
 * images
 * @throws {ConfigError} for fewer than two columns
 */
export function comparisonGallery(
  columns: readonly ComparisonColumn[],
  options: ComparisonGalleryOptions = {},
): GalleryBlock {
  const where = 'comparisonGallery';
  const { shown = 12, names, caption, file } = checkOptions(options, comparisonGalleryOptionNames, where);
  assertInteger(shown, 'shown', where);
  const [first, second] = columns;
  if (!first || !second) {
    throw new ConfigError({ where, expected: 'two columns or more', got: String(columns.length) });
  }
  const { shape } = first.images;
  for (const { label, images } of columns) {
    if (formatShape(images.shape) === formatShape(shape)) continue;
    throw new ShapeError({
      where,
      expected: `images ${formatShape(shape)} in column "${label}"`,
      got: formatShape(images.shape),
    });
  }
  if (names && names.length !== shape[0]) {
    throw new ShapeError({ where, expected: `${shape[0]} names`, got: String(names.length) });
  }
  const pictures = columns.map(({ images }) => toRgbImages(firstImages(images, shown)));
  return {
    kind: 'gallery',
    labels: columns.map(({ label }) => label),
    items: pictures[0]!.map((_, index) => ({
      images: pictures.map((column) => column[index]!),
      ...(names && { caption: names[index]! }),
    })),
    ...(caption !== undefined && { caption }),
    ...(file !== undefined && { file }),
  };
}
