import * as tf from '@tensorflow/tfjs-core';
import { assertShape } from '@vitvq/core';
import { assertFloats } from './internal/checks.js';

/**
 * R1: how steep a discriminator is at real images, `mean over B of |d sum(logits) / d image|^2` (Mescheder et al. 2018,
 * arXiv:1801.04406, eq. 9). Its weight, gamma / 2 there, is the caller's; so is a penalty every k steps only, k times as
 * strong (StyleGAN2, arXiv:1912.04958, sec. 3.1).
 *
 * It is made of gradients and can be differentiated again, towards the discriminator's variables; everything in `logits`
 * needs gradients of second order for that. Those of TensorFlow.js that use their own result (tanh, exp, sigmoid, softmax) have
 * none, and leakyRelu and where need the ones that `@vitvq/engine` registers.
 * @param logits  logits of images, of any shape; those of one image may depend on the others (batch statistics)
 * @param images  real images, float32 `[B, H, W, C]`
 * @throws {ShapeError}
 */
export function r1Penalty(logits: (images: tf.Tensor4D) => tf.Tensor, images: tf.Tensor4D): tf.Scalar {
  assertShape(images, ['B', 'H', 'W', 'C'], 'r1Penalty');
  assertFloats({ images }, 'r1Penalty');
  return tf.tidy(() => {
    const gradient = tf.grad((x) => tf.sum(logits(x as tf.Tensor4D)))(images); // [B, H, W, C]
    return tf.div<tf.Scalar>(tf.sum(tf.square(gradient)), images.shape[0]);
  });
}
