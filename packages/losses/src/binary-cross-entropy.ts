import * as tf from '@tensorflow/tfjs-core';
import { assertSameFloats } from './internal/checks.js';

/**
 * Returns the binary cross-entropy of logits, `mean (softplus(logits) - target · logits)` over all
 * elements, for reconstructions of segmentation maps (`BCELoss` of the reference; VQGAN,
 * arXiv:2012.09841, trains its semantic tokenizer with it). The value is that of the cross-entropy
 * of their sigmoid, computed without overflow.
 * @param logits  float32, any shape; one map a class, where classes need not exclude each other
 * @param target  float32 in [0, 1], the same shape; the range is not checked
 * @throws {ShapeError}
 */
export function binaryCrossEntropyLoss(logits: tf.Tensor, target: tf.Tensor): tf.Scalar {
  assertSameFloats({ logits, target }, 'binaryCrossEntropyLoss');
  return tf.tidy(() => tf.mean<tf.Scalar>(tf.sub(tf.softplus(logits), tf.mul(target, logits))));
}
