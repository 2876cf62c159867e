import { ConfigError, DataError, elementCount, formatShape, ShapeError, toSize2D, type Size2D } from '@vitvq/core';

/**
 * Returns how visible the borders between patches are: the mean absolute difference of neighbouring
 * pixels across a border, divided by that of neighbouring pixels inside a patch. Photographs have a
 * ratio near 1, wherever the borders lie; decoders that draw each patch by itself have a larger
 * one. Images that are flat everywhere have 1, and those that are flat inside every patch alone
 * Infinity. The paper has no such figure.
 * @param images  `[B, H, W, C]`; clip reconstructions to [0, 1] first, as a viewer would
 * @param patchSize  height and width of a patch, from the upper left corner on
 * @throws {ShapeError} when the length does not fit the shape
 * @throws {ConfigError} for patches of a single pixel, and for images of a single patch
 * @throws {DataError} when values are not finite
 */
export function blockiness(
  images: Float32Array,
  shape: readonly [number, number, number, number],
  patchSize: Size2D,
): number {
  const where = 'blockiness';
  if (images.length !== elementCount(shape)) {
    throw new ShapeError({ where, expected: `images of shape ${formatShape(shape)}`, got: `${images.length} values` });
  }
  const [count, height, width, channels] = shape;
  const [patchHeight, patchWidth] = toSize2D(patchSize);
  const inside = { sum: 0, pairs: 0 };
  const across = { sum: 0, pairs: 0 };
  const add = (isBorder: boolean, index: number, neighbor: number): void => {
    const kind = isBorder ? across : inside;
    kind.sum += Math.abs(images[index]! - images[neighbor]!);
    kind.pairs++;
  };
  const row = width * channels;
  for (let index = 0; index < images.length; index++) {
    const y = Math.floor(index / row) % height;
    const x = Math.floor((index % row) / channels);
    if (y > 0) add(y % patchHeight === 0, index, index - row);
    if (x > 0) add(x % patchWidth === 0, index, index - channels);
  }
  if (count === 0 || across.pairs === 0 || inside.pairs === 0) {
    throw new ConfigError({
      where,
      expected: 'images of several patches, of two pixels or more each',
      got: `patches of ${patchHeight}x${patchWidth} in ${count} images of ${height}x${width}`,
    });
  }
  const [atBorders, elsewhere] = [across.sum / across.pairs, inside.sum / inside.pairs];
  if (!Number.isFinite(atBorders) || !Number.isFinite(elsewhere)) {
    throw new DataError({ where, expected: 'finite pixel values', got: 'NaN or infinity' });
  }
  return atBorders === elsewhere ? 1 : atBorders / elsewhere;
}
