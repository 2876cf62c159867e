import * as tf from '@tensorflow/tfjs-core';
import { assertInRange, detach } from '@vitvq/core';
import { assertSameFloats } from './internal/checks.js';

export interface AdaptiveWeightOptions {
  /** Added to the norm of the adversarial gradient, so that nothing is divided by 0. @default 1e-4 */
  readonly epsilon?: number;
  /** Largest weight. @default 1e4 */
  readonly maximum?: number;
}

/**
 * Weight of an adversarial loss that makes it as strong as the reconstruction loss where both enter the decoder (VQGAN,
 * arXiv:2012.09841, eq. 7; as in its code the result is capped and epsilon is 1e-4, where the paper has 1e-6):
 *
 *     min(|reconstructionGradient| / (|adversarialGradient| + epsilon), maximum)
 *
 * The result carries no gradient. Start step and a constant factor are the caller's.
 * @param reconstructionGradient  gradient of the reconstruction loss, perceptual term included, towards the weight of the
 *   decoder's last layer; float32, any shape
 * @param adversarialGradient  that of the generator's adversarial loss; the same shape
 * @throws {ShapeError} @throws {ConfigError}
 */
export function adaptiveWeight(
  reconstructionGradient: tf.Tensor,
  adversarialGradient: tf.Tensor,
  { epsilon = 1e-4, maximum = 1e4 }: AdaptiveWeightOptions = {},
): tf.Scalar {
  assertSameFloats({ reconstructionGradient, adversarialGradient }, 'adaptiveWeight');
  assertInRange(epsilon, 'epsilon', 'adaptiveWeight', 0);
  assertInRange(maximum, 'maximum', 'adaptiveWeight', 0);
  return tf.tidy(() => {
    const norm = (gradient: tf.Tensor): tf.Tensor => tf.sqrt(tf.sum(tf.square(detach(gradient))));
    const ratio = tf.div(norm(reconstructionGradient), tf.add(norm(adversarialGradient), epsilon));
    return tf.minimum<tf.Scalar>(ratio, maximum);
  });
}
