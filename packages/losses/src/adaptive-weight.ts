import * as tf from '@tensorflow/tfjs-core';
import { assertInRange, checkOptions, detach, type OptionTable } from '@vitvq/core';
import { assertSameFloats } from './internal/checks.js';

/** Options of {@link adaptiveWeight}. */
export interface AdaptiveWeightOptions {
  /** Number added to the norm of the adversarial gradient, against division by 0. @default 1e-4 */
  readonly epsilon?: number;
  /** Largest weight. @default 1e4 */
  readonly maximum?: number;
}

const adaptiveWeightOptionNames: OptionTable<AdaptiveWeightOptions> = {
  epsilon: 'optional',
  maximum: 'optional',
};

/**
 * Returns the weight that makes an adversarial loss as strong as the reconstruction loss at the
 * decoder's last layer (VQGAN, arXiv:2012.09841, eq. 7):
 *
 *     min(|reconstructionGradient| / (|adversarialGradient| + epsilon), maximum)
 *
 * The result carries no gradient. The start step and a constant factor are up to the caller.
 *
 * Deviation: as in VQGAN's code the result is capped and epsilon is 1e-4, where the paper has 1e-6.
 * @param reconstructionGradient  gradient of the reconstruction loss, perceptual term included,
 *   towards the weight of the decoder's last layer; float32, any shape
 * @param adversarialGradient  gradient of the generator's adversarial loss towards the same weight
 * @throws {ShapeError} @throws {ConfigError}
 */
export function adaptiveWeight(
  reconstructionGradient: tf.Tensor,
  adversarialGradient: tf.Tensor,
  options: AdaptiveWeightOptions = {},
): tf.Scalar {
  const { epsilon = 1e-4, maximum = 1e4 } = checkOptions(options, adaptiveWeightOptionNames, 'adaptiveWeight');
  assertSameFloats({ reconstructionGradient, adversarialGradient }, 'adaptiveWeight');
  assertInRange(epsilon, 'epsilon', 'adaptiveWeight', 0);
  assertInRange(maximum, 'maximum', 'adaptiveWeight', 0);
  return tf.tidy(() => {
    const norm = (gradient: tf.Tensor): tf.Tensor => tf.sqrt(tf.sum(tf.square(detach(gradient))));
    const ratio = tf.div(norm(reconstructionGradient), tf.add(norm(adversarialGradient), epsilon));
    return tf.minimum<tf.Scalar>(ratio, maximum);
  });
}
