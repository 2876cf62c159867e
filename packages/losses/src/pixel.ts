import * as tf from '@tensorflow/tfjs-core';
import { assertSameFloats } from './internal/checks.js';

/**
 * Returns the mean absolute difference, `mean |prediction - target|`, over all elements.
 * @param prediction  float32, any shape
 * @param target  float32, the same shape; nothing is broadcast
 * @throws {ShapeError}
 * Ownership: as with every loss here, the inputs are not consumed and the caller disposes of the
 * scalar.
 */
export function l1Loss(prediction: tf.Tensor, target: tf.Tensor): tf.Scalar {
  assertSameFloats({ prediction, target }, 'l1Loss');
  return tf.tidy(() => tf.mean<tf.Scalar>(tf.abs(tf.sub(prediction, target))));
}

/**
 * Returns the mean squared difference, `mean (prediction - target)^2`, over all elements, without a
 * factor 1/2: the term L_2 of ViT-VQGAN (arXiv:2110.04627, sec. 3.3), whose weight is 1 there.
 * @param prediction  float32, any shape
 * @param target  float32, the same shape; nothing is broadcast
 * @throws {ShapeError}
 */
export function l2Loss(prediction: tf.Tensor, target: tf.Tensor): tf.Scalar {
  assertSameFloats({ prediction, target }, 'l2Loss');
  return tf.tidy(() => tf.mean<tf.Scalar>(tf.square(tf.sub(prediction, target))));
}
