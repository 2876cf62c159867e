import * as tf from '@tensorflow/tfjs-core';
import {
  assertInRange,
  checkOptions,
  detach,
  type AdversarialLoss,
  type Discriminator,
  type OptionTable,
} from '@vitvq/core';
import { leCamPenalty, r1Penalty, type LeCamAnchors } from '@vitvq/losses';
import { gradientsWithValues } from '@vitvq/training';
import type { ImageGradients } from './gradients.js';
import { assertControls, assertDiscriminatorFits, lossInputs, scaled } from './internal/active-terms.js';
import type { LossValues, TokenizerLossControls, TrainedTokenizer } from './loss.js';

/** Options of the discriminator's loss. */
export interface DiscriminatorLossOptions {
  /** Makes the images that are not real; it does not change. */
  readonly tokenizer: TrainedTokenizer;
  readonly discriminator: Discriminator;
  readonly loss: AdversarialLoss;
  /** Whether the decoder gets codes; see `TokenizerLossOptions.quantize`. @default true */
  readonly quantize?: boolean;
}

const discriminatorLossOptionNames: OptionTable<DiscriminatorLossOptions> = {
  tokenizer: 'required',
  discriminator: 'required',
  loss: 'required',
  quantize: 'optional',
};

/** Options of the discriminator's gradients. */
export interface DiscriminatorGradientOptions extends DiscriminatorLossOptions {
  /**
   * R1 on real images, in every call: `weight` is gamma / 2, or k gamma / 2 where the caller uses
   * the penalty every k steps only (StyleGAN2, arXiv:1912.04958, sec. 3.1).
   */
  readonly r1?: { readonly weight: number };
  /**
   * LeCam regularisation, towards the anchors as they are: after a step the caller moves the
   * anchors to the `nextLeCamAnchor` of `logitsReal` and `logitsFake`. They are variables, so that
   * compiled code sees them move.
   */
  readonly leCam?: { readonly weight: number; readonly anchors: LeCamAnchors };
}

const discriminatorGradientOptionNames: OptionTable<DiscriminatorGradientOptions> = {
  ...discriminatorLossOptionNames,
  r1: 'optional',
  leCam: 'optional',
};

/**
 * Creates loss and gradients of the discriminator, on real images and on reconstructions by the
 * tokenizer as it is (in the reference's order: after its update). No gradient reaches the
 * tokenizer, and none of its variables moves. Its quantizer works as in evaluation, except that one
 * with noise mixes codes as in training when `controls.noise` is given.
 *
 * Values: `discriminator`, which is minimised; `logitsReal` and `logitsFake`, means; `r1` and
 * `leCam`, not weighted, where they are in use. `controls.adversarialFactor` multiplies everything
 * that is minimised: with 0 all gradients are 0.
 *
 * The result compiles, as that of `createTokenizerGradients` does.
 * @throws {ConfigError} for weights that make no sense, and for a discriminator that does not fit
 *   the tokenizer's images
 */
export function createDiscriminatorGradients(options: DiscriminatorGradientOptions): ImageGradients {
  checkOptions(options, discriminatorGradientOptionNames, 'createDiscriminatorGradients');
  const where = 'createDiscriminatorGradients';
  const { tokenizer, discriminator, loss: adversarialLoss, r1, leCam, quantize = true } = options;
  if (r1) assertInRange(r1.weight, 'r1.weight', where, 0);
  if (leCam) assertInRange(leCam.weight, 'leCam.weight', where, 0);
  assertDiscriminatorFits(discriminator, tokenizer, where);
  return (images, controls = {}) => {
    assertControls(controls, where);
    const fakes = reconstructions(tokenizer, images, quantize, controls);
    try {
      return gradientsWithValues(() => {
        const real = discriminator.logits(images);
        const fake = discriminator.logits(fakes);
        const values: LossValues = { logitsReal: tf.mean(real), logitsFake: tf.mean(fake) };
        let total = adversarialLoss.discriminator(real, fake);
        if (r1 && r1.weight > 0) {
          values['r1'] = r1Penalty((x) => discriminator.logits(x), images);
          total = tf.add(total, scaled(values['r1'], r1.weight));
        }
        if (leCam && leCam.weight > 0) {
          values['leCam'] = leCamPenalty(real, fake, leCam.anchors);
          total = tf.add(total, scaled(values['leCam'], leCam.weight));
        }
        const minimised = times(total, controls.adversarialFactor);
        return { minimised, values: { discriminator: minimised, ...values } };
      }, discriminator.namedTrainableVariables());
    } finally {
      fakes.dispose();
    }
  };
}

/**
 * Creates the discriminator's loss in evaluation, without regularisation: `discriminator`,
 * `logitsReal` and `logitsFake`. Nothing changes.
 * @throws {ConfigError} for a discriminator that does not fit the tokenizer's images
 */
export function createDiscriminatorLoss(
  options: DiscriminatorLossOptions,
): (images: tf.Tensor4D, controls?: TokenizerLossControls) => LossValues {
  const {
    tokenizer,
    discriminator,
    loss,
    quantize = true,
  } = checkOptions(options, discriminatorLossOptionNames, 'createDiscriminatorLoss');
  const where = 'createDiscriminatorLoss';
  assertDiscriminatorFits(discriminator, tokenizer, where);
  return (images, controls = {}) => {
    assertControls(controls, where);
    return tf.tidy(() => {
      const real = discriminator.logits(images, { training: false });
      const fake = discriminator.logits(reconstructions(tokenizer, images, quantize, controls), { training: false });
      return {
        discriminator: times(loss.discriminator(real, fake), controls.adversarialFactor),
        logitsReal: tf.mean<tf.Scalar>(real),
        logitsFake: tf.mean<tf.Scalar>(fake),
      };
    });
  };
}

/** Returns reconstructions, not clipped, without a gradient. */
function reconstructions(
  tokenizer: TrainedTokenizer,
  images: tf.Tensor4D,
  quantize: boolean,
  { temperature, noise, lengths, latentNoise }: TokenizerLossControls,
): tf.Tensor4D {
  return tf.tidy(() => {
    const { decoded } = tokenizer.forward(images, {
      quantize,
      training: quantize && noise !== undefined,
      temperature,
      noise,
      lengths,
      ...(quantize && { latentNoise }),
    });
    return detach(lossInputs(tokenizer, decoded, images).reconstruction);
  });
}

function times(total: tf.Scalar, factor: tf.Scalar | undefined): tf.Scalar {
  return factor ? tf.mul(total, factor) : total;
}
