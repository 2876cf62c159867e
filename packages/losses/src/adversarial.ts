import * as tf from '@tensorflow/tfjs-core';
import type { AdversarialLoss } from '@vitvq/core';
import { assertFloats } from './internal/checks.js';

const mean = (x: tf.Tensor): tf.Scalar => tf.mean<tf.Scalar>(x);

/** Adds checks of the logits and `tf.tidy`; real and generated logits may differ in shape. */
function adversarialLoss(
  name: string,
  generator: (fake: tf.Tensor) => tf.Scalar,
  discriminator: (real: tf.Tensor, fake: tf.Tensor) => tf.Scalar,
): AdversarialLoss {
  return {
    name,
    generator: (fake) => {
      assertFloats({ fake }, `${name}.generator`);
      return tf.tidy(() => generator(fake));
    },
    discriminator: (real, fake) => {
      assertFloats({ real, fake }, `${name}.discriminator`);
      return tf.tidy(() => discriminator(real, fake));
    },
  };
}

/**
 * Hinge loss (Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957, eq. 16 and
 * 17), with the factor 1/2 of VQGAN and of the reference on the discriminator's side:
 *
 *     generator      -mean fake
 *     discriminator  1/2 (mean max(0, 1 - real) + mean max(0, 1 + fake))
 */
export const hingeAdversarialLoss: AdversarialLoss = adversarialLoss(
  'hingeAdversarialLoss',
  (fake) => tf.neg(mean(fake)),
  (real, fake) => tf.mul<tf.Scalar>(tf.add(mean(tf.relu(tf.sub(1, real))), mean(tf.relu(tf.add(1, fake)))), 0.5),
);

/**
 * Loss `vanilla` of the reference: the non-saturating loss of Goodfellow et al. (2014,
 * arXiv:1406.2661, sec. 3), with the factor 1/2 on the discriminator's side. VQGAN combines this
 * discriminator's side with -mean fake for the generator; the reference does not, nor does this
 * loss.
 *
 *     generator      mean softplus(-fake)
 *     discriminator  1/2 (mean softplus(-real) + mean softplus(fake))
 */
export const vanillaAdversarialLoss: AdversarialLoss = adversarialLoss(
  'vanillaAdversarialLoss',
  (fake) => mean(tf.softplus(tf.neg(fake))),
  (real, fake) => tf.mul<tf.Scalar>(tf.add(mean(tf.softplus(tf.neg(real))), mean(tf.softplus(fake))), 0.5),
);

/**
 * Non-saturating loss as StyleGAN2 uses it (arXiv:1912.04958): without the factor 1/2, on which the
 * usual weights of R1 are based.
 *
 *     generator      mean softplus(-fake)
 *     discriminator  mean softplus(-real) + mean softplus(fake)
 */
export const nonSaturatingAdversarialLoss: AdversarialLoss = adversarialLoss(
  'nonSaturatingAdversarialLoss',
  (fake) => mean(tf.softplus(tf.neg(fake))),
  (real, fake) => tf.add<tf.Scalar>(mean(tf.softplus(tf.neg(real))), mean(tf.softplus(fake))),
);

/**
 * Least-squares loss with the targets a = -1, b = 1, c = 0 (Mao et al. 2017, arXiv:1611.04076),
 * with which the generator minimises the Pearson chi-squared divergence. The generator's term has
 * no factor 1/2, as in the reference.
 *
 *     generator      mean fake^2
 *     discriminator  1/2 (mean (real - 1)^2 + mean (fake + 1)^2)
 */
export const leastSquaresAdversarialLoss: AdversarialLoss = adversarialLoss(
  'leastSquaresAdversarialLoss',
  (fake) => mean(tf.square(fake)),
  (real, fake) => tf.mul<tf.Scalar>(tf.add(mean(tf.square(tf.sub(real, 1))), mean(tf.square(tf.add(fake, 1)))), 0.5),
);
