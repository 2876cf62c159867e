import { ConfigError, ShapeError, assertInteger } from '@vitvq/core';
import { compose } from './internal/compose.js';
import { toRgbImages, type RgbImage } from './rgb-image.js';

export interface ImageGridOptions {
  /** Of each batch: `[B, H, W, C]`, C being 1 (grey) or 3. */
  readonly shape: readonly [number, number, number, number];
  /** Groups in a row. @default 8, or 4 with two batches or more */
  readonly columns?: number;
  /** Pixels of the result for one pixel of an image. @default as many as make an image at least 96 pixels high */
  readonly scale?: number;
  /** One text above the pictures of each batch. Needs a font on this machine. */
  readonly labels?: readonly string[];
  /** One text below each group, B in all. Needs a font on this machine. */
  readonly captions?: readonly string[];
}

/**
 * One picture of many images, enlarged by nearest neighbour. With several batches (originals and reconstructions) image i of
 * each stands side by side as a group.
 * @param images  float values in [0, 1], others are clamped
 * @throws {ShapeError} when values do not fill the shape
 * @throws {ConfigError} for a number out of range
 */
export async function imageGrid(
  images: Float32Array | readonly Float32Array[],
  { shape, columns, scale, labels, captions }: ImageGridOptions,
): Promise<RgbImage> {
  const batches = images instanceof Float32Array ? [images] : images;
  const [count, height] = shape;
  const usedColumns = columns ?? (batches.length > 1 ? 4 : 8);
  const usedScale = scale ?? Math.max(1, Math.ceil(96 / height));
  assertInteger(usedColumns, 'columns', 'imageGrid');
  assertInteger(usedScale, 'scale', 'imageGrid');
  if (batches.length === 0 || count === 0) {
    throw new ConfigError({ where: 'imageGrid', expected: 'at least one image', got: 'none' });
  }
  if (labels && labels.length !== batches.length) {
    throw new ShapeError({ where: 'imageGrid', expected: `${batches.length} labels`, got: String(labels.length) });
  }
  if (captions && captions.length !== count) {
    throw new ShapeError({ where: 'imageGrid', expected: `${count} captions`, got: String(captions.length) });
  }
  const pictures = batches.map((batch) => toRgbImages(batch, shape));
  return compose({
    groups: pictures[0]!.map((_, index) => pictures.map((batch) => batch[index]!)),
    labels,
    captions,
    columns: usedColumns,
    cellHeight: height * usedScale,
  });
}
