import { DataError } from '@vitvq/core';

/** Tokens or pixels of images in raster order, image after image: what a half of them is. */
export interface Halves {
  /** Values of an image. */
  readonly values: number;
  /** Of them, those of the upper half; with an odd number of rows the smaller part. */
  readonly upper: number;
}

/** @param rowValues  tokens x levels, or pixels x channels, of a row */
export function halvesOf(rows: number, rowValues: number): Halves {
  return { values: rows * rowValues, upper: Math.floor(rows / 2) * rowValues };
}

/** The upper half of each image, and `filler` below. */
export function keepUpper(tokens: Int32Array, { values, upper }: Halves, filler: number): Int32Array {
  return tokens.map((token, index) => (index % values < upper ? token : filler));
}

/** The lower half of each image under the upper half of its partner. */
export function underPartners<T extends Int32Array | Float32Array>(
  images: T,
  { values, upper }: Halves,
  partners: ArrayLike<number>,
): T {
  const result = images.slice() as T;
  for (let image = 0; image < partners.length; image++) {
    const from = partners[image]! * values;
    result.set(images.subarray(from, from + upper), image * values);
  }
  return result;
}

/** The lower half of each image, one after the other. */
export function lowerHalves(images: Float32Array, { values, upper }: Halves): Float32Array {
  const count = images.length / values;
  const lower = values - upper;
  const result = new Float32Array(count * lower);
  for (let image = 0; image < count; image++) {
    result.set(images.subarray(image * values + upper, (image + 1) * values), image * lower);
  }
  return result;
}

/**
 * For each image another one of its class: the next, the first after the last. Of the same class,
 * so that what an upper half is worth is not what it tells of the class. Without classes, all
 * images have the same label.
 * @throws {DataError} when an image is the only one of its class
 */
export function partnersOf(labels: ArrayLike<number>): Int32Array {
  const byClass = new Map<number, number[]>();
  Array.from(labels).forEach((label, image) => byClass.set(label, [...(byClass.get(label) ?? []), image]));
  const partners = new Int32Array(labels.length);
  for (const images of byClass.values()) {
    if (images.length < 2) {
      throw new DataError({
        where: 'partnersOf',
        expected: 'two images or more to compare, of each class',
        got: 'one',
      });
    }
    images.forEach((image, place) => (partners[image] = images[(place + 1) % images.length]!));
  }
  return partners;
}
