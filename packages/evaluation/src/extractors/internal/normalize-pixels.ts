import * as tf from '@tensorflow/tfjs-core';

/** Mean and standard deviation of each channel of images in [0, 1]. */
export interface PixelStatistics {
  readonly mean: readonly [number, number, number];
  readonly deviation: readonly [number, number, number];
}

/** Returns images of levels from 0 to 255 with the mean and deviation that a network expects. */
export function normalizePixels(images: tf.Tensor4D, { mean, deviation }: PixelStatistics): tf.Tensor4D {
  return tf.div(tf.sub(tf.div(images, 255), tf.tensor1d([...mean])), tf.tensor1d([...deviation]));
}
