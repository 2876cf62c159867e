import { assertImageValues, assertInteger, DataError, ShapeError } from '@vitvq/core';
import { cappedPsnr } from './psnr.js';

/** Errors of reconstructions. */
export interface ReconstructionMetrics {
  /** Number of images. */
  readonly images: number;
  /** Mean of the PSNR of each image, in decibels; an image counts as 100 dB at most. */
  readonly psnr: number;
  /** Mean squared error over all values. */
  readonly mse: number;
  /** Mean absolute error over all values. */
  readonly mae: number;
}

/**
 * Measures how close reconstructions are to their originals. Sums are computed in float64.
 * @param originals  images in [0, 1], one after the other, in any layout
 * @param reconstructions  in the same layout; clip them to [0, 1] first, as a viewer would
 * @param valuesPerImage  height x width x channels
 * @throws {ShapeError} when the lengths differ or are not a whole, positive number of images
 * @throws {DataError} naming the first image with a value that is not finite, or the first original
 *   with values that are not in [0, 1]
 */
export function reconstructionMetrics(
  originals: Float32Array,
  reconstructions: Float32Array,
  valuesPerImage: number,
): ReconstructionMetrics {
  const where = 'reconstructionMetrics';
  assertInteger(valuesPerImage, 'valuesPerImage', where);
  if (originals.length !== reconstructions.length) {
    throw new ShapeError({
      where,
      expected: `as many reconstructed values as original ones, ${originals.length}`,
      got: String(reconstructions.length),
    });
  }
  const images = originals.length / valuesPerImage;
  if (!Number.isInteger(images) || images === 0) {
    throw new ShapeError({
      where,
      expected: `one or more whole images of ${valuesPerImage} values`,
      got: `${originals.length} values`,
    });
  }
  assertImageValues(originals, valuesPerImage, `${where}, originals`);
  let [totalPsnr, totalSquared, totalAbsolute] = [0, 0, 0];
  for (let image = 0; image < images; image++) {
    let squared = 0;
    for (let index = image * valuesPerImage; index < (image + 1) * valuesPerImage; index++) {
      const difference = reconstructions[index]! - originals[index]!;
      squared += difference * difference;
      totalAbsolute += Math.abs(difference);
    }
    if (!Number.isFinite(squared)) {
      throw new DataError({ where, expected: 'finite pixel values', got: `NaN or infinity in image ${image}` });
    }
    totalSquared += squared;
    totalPsnr += cappedPsnr(squared / valuesPerImage);
  }
  const values = originals.length;
  return { images, psnr: totalPsnr / images, mse: totalSquared / values, mae: totalAbsolute / values };
}
