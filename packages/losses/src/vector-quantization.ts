import * as tf from '@tensorflow/tfjs-core';
import { detach } from '@vitvq/core';
import { assertSameFloats } from './internal/checks.js';

/**
 * Keeps features near their codes: `mean (z - sg[quantized])^2`; moves the encoder and nothing else (van den Oord et al.
 * 2017, arXiv:1711.00937, eq. 3, third term; ViT-VQGAN, arXiv:2110.04627, sec. 3.2, eq. 1). This is the term that beta multiplies.
 * @param z  features, float32, any shape
 * @param quantized  their codes, the same shape, before any straight-through replacement
 * @throws {ShapeError}
 */
export function commitmentLoss(z: tf.Tensor, quantized: tf.Tensor): tf.Scalar {
  assertSameFloats({ z, quantized }, 'commitmentLoss');
  return tf.tidy(() => tf.mean<tf.Scalar>(tf.square(tf.sub(z, detach(quantized)))));
}

/**
 * Pulls codes towards the features that chose them: `mean (sg[z] - quantized)^2`; moves the codebook and nothing else
 * (van den Oord et al. 2017, eq. 3, second term). Its weight is 1.
 * @param z  features, float32, any shape
 * @param quantized  their codes, the same shape, before any straight-through replacement
 * @throws {ShapeError}
 */
export function codebookLoss(z: tf.Tensor, quantized: tf.Tensor): tf.Scalar {
  assertSameFloats({ z, quantized }, 'codebookLoss');
  return tf.tidy(() => tf.mean<tf.Scalar>(tf.square(tf.sub(detach(z), quantized))));
}
