import * as tf from '@tensorflow/tfjs-core';
import { assertImages, assertMembers, countOf, DataError, type ImageBatch } from '@vitvq/core';

/**
 * Returns the classes of a batch's images, padding left out.
 * @throws {DataError} for an image without a class, and for one that is not in `[0, classes)`
 */
export function labelsOf(batch: ImageBatch, classes: number, where: string): Int32Array {
  assertMembers(batch, ['images', 'shape'], 'a batch of images', where);
  const { labels, indices } = batch;
  return Int32Array.from({ length: countOf(batch) }, (_, image) => {
    const label = labels?.[image];
    if (label === undefined || !Number.isInteger(label) || label < 0 || label >= classes) {
      throw new DataError({
        where,
        expected: `a class in [0, ${classes}) of each image`,
        got: label === undefined ? 'none' : `${label} of image ${indices?.[image] ?? image}`,
        fix: 'Batches hold classes as labels; the classifier has as many classes as it was created with.',
      });
    }
    return label;
  });
}

/**
 * Returns images as one tensor `[B, H, W, C]`, which the caller disposes of.
 * @throws {DataError} for values that are not in [0, 1]
 */
export function imagesOf({ images: data, shape, indices }: ImageBatch, where: string): tf.Tensor4D {
  assertImages({ data, shape }, where, { indices });
  return tf.tensor4d(data, shape as [number, number, number, number]);
}
