import * as tf from '@tensorflow/tfjs-core';
import { assertMembers, checkOptions, ConfigError, type OptionTable } from '@vitvq/core';
import { assertSameFloats } from './internal/checks.js';

/** Options of the logit-Laplace loss and of its mapping of pixels. */
export interface LogitLaplaceOptions {
  /**
   * Distance of the mapped pixels from 0 and 1, in (0, 1/2); keeps their logits finite. @default
   * 0.1
   */
  readonly epsilon?: number;
}

const logitLaplaceOptionNames: OptionTable<LogitLaplaceOptions> = {
  epsilon: 'optional',
};

/**
 * Parameters that a decoder predicts for each value of a pixel: twice as many channels as the
 * image.
 */
export interface LogitLaplaceParameters {
  /** mu, in logits: its sigmoid is the median of the mapped pixel. */
  readonly mean: tf.Tensor;
  /** ln b. */
  readonly logScale: tf.Tensor;
}

/**
 * Returns the negative log-likelihood of pixels under the logit-Laplace distribution, that of an x
 * in (0, 1) whose logit is Laplace distributed (Ramesh et al. 2021, arXiv:2102.12092, appendix A.3,
 * eq. 2; ViT-VQGAN, arXiv:2110.04627, sec. 3.3):
 *
 *     f(x | mu, b) = exp(-|logit(x) - mu| / b) / (2 b x (1 - x))
 *     loss = mean of -ln f = |logit(x) - mu| / b + ln b + ln(2 x (1 - x))
 *     where x = (1 - 2 epsilon) target + epsilon
 *
 * A density may exceed 1, so that the loss may be negative (the paper reports about -2.5).
 *
 * Deviation: the reference's `loglaplace_loss` is a plain L1 distance; use `l1Loss` for that.
 * @param parameters  `mean` and `logScale`, float32, of the shape of `target`
 * @param target  pixels in [0, 1], float32; the range is not checked, and a value outside [0, 1] by
 *   more than epsilon gives NaN
 * @throws {ShapeError} @throws {ConfigError}
 */
export function logitLaplaceLoss(
  parameters: LogitLaplaceParameters,
  target: tf.Tensor,
  options: LogitLaplaceOptions = {},
): tf.Scalar {
  const epsilon = epsilonOf(options, 'logitLaplaceLoss');
  assertMembers(parameters, ['mean', 'logScale'], 'the parameters', 'logitLaplaceLoss');
  const { mean, logScale } = parameters;
  assertSameFloats({ target, mean, logScale }, 'logitLaplaceLoss');
  return tf.tidy(() => {
    const x = logitLaplaceMap(target, { epsilon });
    const rest = tf.sub(1, x);
    const logit = tf.log(tf.div(x, rest));
    const distance = tf.div(tf.abs(tf.sub(logit, mean)), tf.exp(logScale));
    return tf.mean<tf.Scalar>(tf.add(tf.add(distance, logScale), tf.log(tf.mul(tf.mul(x, rest), 2))));
  });
}

/**
 * Maps pixels in [0, 1] to [epsilon, 1 - epsilon]: `(1 - 2 epsilon) x + epsilon` (Ramesh et al.
 * 2021, eq. 3). DALL-E maps the input of its encoder as well; the loss maps its target by itself.
 * @throws {ConfigError} unless 0 < epsilon < 1/2
 */
export function logitLaplaceMap<T extends tf.Tensor>(pixels: T, options: LogitLaplaceOptions = {}): T {
  const epsilon = epsilonOf(options, 'logitLaplaceMap');
  return tf.tidy(() => tf.add<T>(tf.mul(pixels, 1 - 2 * epsilon), epsilon));
}

/**
 * Inverts `logitLaplaceMap` and clips to [0, 1].
 * @throws {ConfigError} unless 0 < epsilon < 1/2
 */
export function logitLaplaceUnmap<T extends tf.Tensor>(mapped: T, options: LogitLaplaceOptions = {}): T {
  const epsilon = epsilonOf(options, 'logitLaplaceUnmap');
  return tf.tidy(() => tf.clipByValue<T>(tf.div(tf.sub(mapped, epsilon), 1 - 2 * epsilon), 0, 1));
}

/**
 * Returns the image of a predicted mean, `logitLaplaceUnmap(sigmoid(mean))`; the scale is ignored
 * (Ramesh et al. 2021, appendix A.3). This sigmoid is the only one of ViT-VQGAN (sec. 3.1). No
 * gradient flows where the clipping acts.
 * @throws {ConfigError} unless 0 < epsilon < 1/2
 */
export function logitLaplaceImage<T extends tf.Tensor>(mean: T, options: LogitLaplaceOptions = {}): T {
  const epsilon = epsilonOf(options, 'logitLaplaceImage');
  return tf.tidy(() => logitLaplaceUnmap(tf.sigmoid(mean), { epsilon }));
}

function epsilonOf(options: LogitLaplaceOptions, where: string): number {
  const { epsilon = 0.1 } = checkOptions(options, logitLaplaceOptionNames, where);
  if (epsilon > 0 && epsilon < 0.5) return epsilon;
  throw new ConfigError({ where, expected: 'epsilon to be a number within (0, 0.5)', got: String(epsilon) });
}
