import * as tf from '@tensorflow/tfjs-core';
import { assertChannelsLast, assertShape, inFullPrecision } from '@vitvq/core';
import { assertFloats } from './internal/checks.js';

/**
 * Returns the R1 penalty, the squared steepness of a discriminator at real images,
 * `mean over B of |d sum(logits) / d image|^2` (Mescheder et al. 2018, arXiv:1801.04406, eq. 9).
 * The caller multiplies the penalty by its weight, gamma / 2 in the paper, and may compute it every
 * k steps only, k times as strong (StyleGAN2, arXiv:1912.04958, sec. 3.1).
 *
 * The penalty is made of gradients and can be differentiated again, towards the discriminator's
 * variables; every operation in `logits` needs gradients of second order for that. Operations of
 * TensorFlow.js whose gradient uses their own result (tanh, exp, sigmoid, softmax) have none, and
 * leakyRelu and where need those that `@vitvq/engine` registers.
 * @param logits  returns logits of images, of any shape; the logits of one image may depend on the
 *   others (batch statistics)
 * @param images  real images, float32 `[B, H, W, C]`
 * @throws {ShapeError}
 */
export function r1Penalty(logits: (images: tf.Tensor4D) => tf.Tensor, images: tf.Tensor4D): tf.Scalar {
  assertShape(images, ['B', 'H', 'W', 'C'], 'r1Penalty');
  assertChannelsLast(images.shape, 'r1Penalty');
  assertFloats({ images }, 'r1Penalty');
  return tf.tidy(() => {
    // Their squares are too small for narrow types.
    const gradient = inFullPrecision(() => tf.grad((x) => tf.sum(logits(x as tf.Tensor4D)))(images)); // [B, H, W, C]
    return tf.div<tf.Scalar>(tf.sum(tf.square(gradient)), images.shape[0]);
  });
}
