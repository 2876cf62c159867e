import * as tf from '@tensorflow/tfjs-core';
import { assertShape, imageShapeAdvice } from '@vitvq/core';

/**
 * Returns images `[B, H, W, 3]` in [0, 1] as levels from 0 to 255, rounded as files hold them.
 * @throws {ShapeError} unless there are 3 channels
 */
export function bytesOfImages(images: tf.Tensor4D, where: string): tf.Tensor4D {
  const grey = 'Repeat the channel of grey images three times.';
  assertShape(images, ['B', 'H', 'W', 3], where, imageShapeAdvice(images.shape, 3, grey));
  return tf.tidy(() => tf.clipByValue(tf.floor(tf.add(tf.mul(images, 255), 0.5)), 0, 255));
}
