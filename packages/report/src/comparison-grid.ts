import {
  assertInteger,
  checkOptions,
  ConfigError,
  formatShape,
  ShapeError,
  toRgbImages,
  type HostImages,
  type OptionTable,
  type RgbImage,
} from '@vitvq/core';
import { compose } from './internal/compose.js';

/** Options of {@link comparisonGrid}. */
export interface ComparisonGridOptions {
  /** Number of groups in a row. @default 8 for one batch, 4 for several */
  readonly columns?: number;
  /**
   * Pixels of the result for one pixel of an image, along each side.
   * @default the smallest number that makes an image at least 96 pixels high
   */
  readonly scale?: number;
  /** One text above the images of each batch. Needs a font on this machine. */
  readonly labels?: readonly string[];
  /** One text below each group, B texts. Needs a font on this machine. */
  readonly captions?: readonly string[];
}

const comparisonGridOptionNames: OptionTable<ComparisonGridOptions> = {
  columns: 'optional',
  scale: 'optional',
  labels: 'optional',
  captions: 'optional',
};

/**
 * Draws batches of images into one image, enlarged by nearest neighbour: image i of every batch
 * stands in group i, such as an original beside its reconstruction. With neither labels nor
 * captions it needs no native library.
 * @param batches  `[B, H, W, C]` of one shape, with values in [0, 1]; C is 1 (grey) or 3
 * @throws {ShapeError} when shapes, values, labels and captions do not fit each other
 * @throws {ConfigError} without images, and for a number out of range
 */
export async function comparisonGrid(
  batches: readonly HostImages[],
  options: ComparisonGridOptions = {},
): Promise<RgbImage> {
  const where = 'comparisonGrid';
  const { columns, scale, labels, captions } = checkOptions(options, comparisonGridOptionNames, where);
  const [first] = batches;
  if (!first || first.shape[0] === 0) throw new ConfigError({ where, expected: 'at least one image', got: 'none' });
  const [count, height] = first.shape;
  const usedColumns = columns ?? (batches.length > 1 ? 4 : 8);
  const usedScale = scale ?? Math.ceil(96 / height);
  assertInteger(usedColumns, 'columns', where);
  assertInteger(usedScale, 'scale', where);
  for (const { shape } of batches) {
    if (formatShape(shape) === formatShape(first.shape)) continue;
    throw new ShapeError({ where, expected: `batches of shape ${formatShape(first.shape)}`, got: formatShape(shape) });
  }
  if (labels && labels.length !== batches.length) {
    throw new ShapeError({ where, expected: `${batches.length} labels`, got: String(labels.length) });
  }
  if (captions && captions.length !== count) {
    throw new ShapeError({ where, expected: `${count} captions`, got: String(captions.length) });
  }
  const images = batches.map(toRgbImages);
  return compose({
    groups: Array.from({ length: count }, (_, index) => images.map((batch) => batch[index]!)),
    labels,
    captions,
    columns: usedColumns,
    cellHeight: height * usedScale,
  });
}
