import { assertImageValues, DataError, elementCount, formatShape, ShapeError } from '@vitvq/core';

/**
 * Returns how much fine detail reconstructions have compared with their originals: the mean squared
 * difference of neighbouring pixels (across and down), divided by that of the originals. The ratio
 * is 1 for the same amount of detail, below 1 for blurred images (such as means of many possible
 * images) and above 1 for noise. The ratio does not tell where the detail is; read it together with
 * PSNR. The paper does not have this metric; it measures realism by FID, which needs a network with
 * pretrained weights.
 * @param originals  `[B, H, W, C]` in [0, 1]
 * @param reconstructions  the same shape; clip them to [0, 1] first, as a viewer would
 * @throws {ShapeError} when the lengths do not fit the shape, or an image has a single pixel
 * @throws {DataError} when values are not finite, those of an original are not in [0, 1], or the
 *   originals have no detail at all
 */
export function detailRatio(
  originals: Float32Array,
  reconstructions: Float32Array,
  shape: readonly [number, number, number, number],
): number {
  const where = 'detailRatio';
  const size = elementCount(shape);
  for (const [name, { length }] of Object.entries({ originals, reconstructions })) {
    if (length !== size) {
      throw new ShapeError({
        where,
        expected: `${name} of shape ${formatShape(shape)}, ${size} values`,
        got: `${length}`,
      });
    }
  }
  if (size === 0 || shape[1] * shape[2] === 1) {
    throw new ShapeError({ where, expected: 'images of two pixels or more', got: formatShape(shape) });
  }
  assertImageValues(originals, size / shape[0], `${where}, originals`);
  const [original, reconstructed] = [detailOf(originals, shape), detailOf(reconstructions, shape)];
  if (!Number.isFinite(original) || !Number.isFinite(reconstructed)) {
    throw new DataError({ where, expected: 'finite pixel values', got: 'NaN or infinity' });
  }
  if (original === 0) throw new DataError({ where, expected: 'originals with some detail', got: 'flat images' });
  return reconstructed / original;
}

/** Returns the sum of squared differences of neighbouring pixels, in float64. */
function detailOf(
  values: Float32Array,
  [images, height, width, channels]: readonly [number, number, number, number],
): number {
  const row = width * channels;
  let total = 0;
  for (let image = 0; image < images; image++) {
    const begin = image * height * row;
    for (let index = begin; index < begin + height * row; index++) {
      const column = (index - begin) % row;
      if (column + channels < row) total += (values[index + channels]! - values[index]!) ** 2;
      if (index + row < begin + height * row) total += (values[index + row]! - values[index]!) ** 2;
    }
  }
  return total;
}
