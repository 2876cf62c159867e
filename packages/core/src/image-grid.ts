import { allocate } from './allocate.js';
import { assertInteger } from './checks.js';
import { ConfigError } from './errors.js';
import { assertRgbImage, type RgbImage } from './rgb-image.js';

/** Options of {@link imageGrid}. */
export interface ImageGridOptions {
  /**
   * Number of images in a row.
   * @default the smallest number that makes at most as many rows as columns
   */
  readonly columns?: number;
  /** White pixels between two columns. @default 0 */
  readonly columnGap?: number;
  /** White pixels between two rows. @default 0 */
  readonly rowGap?: number;
  /** White pixels around the grid. @default 0 */
  readonly margin?: number | GridMargin;
}

/** White pixels on each side of a grid. */
export interface GridMargin {
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
  readonly left: number;
}

/**
 * Draws images into one image, row by row. All cells of the grid are as large as the widest and the
 * highest image; a smaller image lies in the upper left corner of its cell, on white.
 * @throws {ConfigError} without images, and for a number out of range
 * @throws {ShapeError} when the values of an image do not fill it
 */
export function imageGrid(images: readonly RgbImage[], options: ImageGridOptions = {}): RgbImage {
  const where = 'imageGrid';
  if (images.length === 0) throw new ConfigError({ where, expected: 'at least one image', got: 'none' });
  for (const image of images) assertRgbImage(image, where);
  const { columns = Math.ceil(Math.sqrt(images.length)), columnGap = 0, rowGap = 0, margin = 0 } = options;
  const { top, right, bottom, left } =
    typeof margin === 'number' ? { top: margin, right: margin, bottom: margin, left: margin } : margin;
  assertInteger(columns, 'columns', where);
  for (const [name, value] of Object.entries({ columnGap, rowGap, top, right, bottom, left })) {
    assertInteger(value, name, where, 0);
  }
  const usedColumns = Math.min(columns, images.length);
  const rows = Math.ceil(images.length / columns);
  const cellWidth = Math.max(...images.map(({ width }) => width));
  const cellHeight = Math.max(...images.map(({ height }) => height));
  const width = left + usedColumns * (cellWidth + columnGap) - columnGap + right;
  const height = top + rows * (cellHeight + rowGap) - rowGap + bottom;
  const data = allocate([height, width, 3], where, (size) => new Uint8Array(size).fill(255));
  const grid = { width, height, data };
  for (const [index, image] of images.entries()) {
    const x = left + (index % columns) * (cellWidth + columnGap);
    const y = top + Math.floor(index / columns) * (cellHeight + rowGap);
    copyInto(grid, image, x, y);
  }
  return grid;
}

/** Copies an image to a position of another one. */
function copyInto(target: RgbImage, { width, height, data }: RgbImage, x: number, y: number): void {
  for (let row = 0; row < height; row++) {
    const values = data.subarray(row * width * 3, (row + 1) * width * 3);
    target.data.set(values, ((y + row) * target.width + x) * 3);
  }
}
