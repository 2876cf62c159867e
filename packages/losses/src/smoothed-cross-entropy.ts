import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { assertInRange, assertShape } from '@vitvq/core';
import { assertFloats } from './internal/checks.js';
import { crossEntropy } from './cross-entropy.js';

/**
 * Returns the mean cross-entropy of classes in nats with label smoothing (Szegedy et al.,
 * arXiv:1512.00567, section 7): the target of an image is its class with probability
 * `1 - smoothing + smoothing / K`, and each other class with `smoothing / K`.
 * @param logits  float32 `[B, K]`
 * @param classes  int32 `[B]`, in `[0, K)`
 * @param smoothing  in [0, 1]; 0 gives `crossEntropy`
 * @throws {ShapeError} @throws {ConfigError} for a smoothing out of range
 */
export function smoothedCrossEntropy(logits: Tensor2D, classes: Tensor1D, smoothing: number): Scalar {
  const where = 'smoothedCrossEntropy';
  assertFloats({ logits }, where);
  assertShape(logits, ['B', 'K'], where);
  assertInRange(smoothing, 'smoothing', where, 0, 1);
  return tf.tidy(() => {
    const ofClasses = crossEntropy(logits, classes);
    if (smoothing === 0) return ofClasses;
    const ofAll = tf.neg(tf.mean<Scalar>(tf.logSoftmax(logits)));
    return tf.add<Scalar>(tf.mul(ofClasses, 1 - smoothing), tf.mul(ofAll, smoothing));
  });
}
