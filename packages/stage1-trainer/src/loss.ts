import * as tf from '@tensorflow/tfjs-core';
import type { AdversarialLoss, Discriminator, PerceptualLoss } from '@vitvq/core';
import type { ForwardOptions, ViTVQImages, ViTVQOutput, ViTVQPass } from '@vitvq/tokenizer';
import { assertControls, generatorScale, stage1Terms, weightedSum } from './internal/stage1-terms.js';

/** Weights of the terms of the loss; a term of weight 0 is not computed. */
export interface Stage1LossWeights {
  /** Mean absolute difference. @default 0 */
  readonly l1?: number;
  /** Mean squared difference. @default 1 */
  readonly l2?: number;
  /** Needs a model with `output: 'logit-laplace'`. @default 0 */
  readonly logitLaplace?: number;
  /** Codebook term + beta x commitment term. @default 1 */
  readonly quantizer?: number;
  /** Needs `perceptual`. @default 0 */
  readonly perceptual?: number;
  /** Of the generator's loss; needs `adversarial`. @default 0 */
  readonly adversarial?: number;
}

/** What losses and gradients need of a model; `ViTVQ` is one. */
export interface Stage1Model {
  readonly output: ViTVQOutput;
  /** Height and width of the images, where there is one size only. */
  readonly imageSize?: readonly [number, number];
  /** Weight of the layer that makes the pixels: where an adaptive weight is measured. */
  readonly lastLayer?: tf.Variable;
  pass(images: tf.Tensor4D, options?: ForwardOptions): Omit<ViTVQPass, 'indices'>;
  interpret(decoded: tf.Tensor4D): ViTVQImages;
  namedTrainableVariables(): Map<string, tf.Variable>;
}

export interface AdversarialTerm {
  readonly discriminator: Discriminator;
  readonly loss: AdversarialLoss;
  /**
   * Multiplies the weight by how much stronger the other terms' gradient is than the adversarial one's, at the model's last
   * layer (VQGAN, arXiv:2012.09841, eq. 7; `adaptiveWeight` of @vitvq/losses). The quantizer's loss does not count.
   * @default false
   */
  readonly adaptiveWeight?: boolean;
}

export interface Stage1LossOptions {
  readonly tokenizer: Stage1Model;
  readonly losses?: Stage1LossWeights;
  readonly perceptual?: PerceptualLoss;
  readonly adversarial?: AdversarialTerm;
  /**
   * Without, it is about a plain autoencoder: the decoder gets latents instead of codes, and the quantizer, whose loss is
   * still returned, moves nothing and is not moved. @default true
   */
  readonly quantize?: boolean;
}

/** What changes from step to step, as tensors, so that one compiled function serves all steps. */
export type Stage1Controls = {
  /** Scalar that multiplies the weight of the adversarial loss: 0 before the discriminator starts. @default 1 */
  readonly adversarialFactor?: tf.Scalar;
  /** Scalar, of a quantizer with noise. @default the quantizer's own */
  readonly temperature?: tf.Scalar;
  /** Of a quantizer that draws: uniform noise of the shape `tokenizer.noiseShape(batchSize)`. */
  readonly noise?: tf.Tensor;
};

/**
 * Scalars by name. Of the autoencoder: `loss`, what is minimised, and the terms that are in use, not weighted: `l1`, `l2`,
 * `logitLaplace`, `perceptual`, `quantizer`, `adversarial` (the generator's loss), `adaptiveWeight`.
 */
export type Stage1Values = Record<string, tf.Scalar>;

/**
 * The loss of stage 1 in evaluation, for images that the model does not learn from: nothing is counted, nothing changes. An
 * adaptive weight needs gradients and counts as 0 here, as in the reference.
 * @returns a function of images `[B, H, W, C]` in [0, 1] that compiles; its caller disposes of the values
 * @throws {ConfigError} for weights that make no sense, and for parts that are missing or do not fit
 */
export function createStage1Loss(
  options: Stage1LossOptions,
): (images: tf.Tensor4D, controls?: Stage1Controls) => Stage1Values {
  const { tokenizer, quantize = true } = options;
  const { reconstruction, adversarial, quantizer } = stage1Terms(options, 'createStage1Loss');
  return (images, controls = {}) => {
    assertControls(controls, 'createStage1Loss');
    const { adversarialFactor, temperature, noise } = controls;
    return tf.tidy(() => {
      const { decoded, quantizerLoss } = tokenizer.pass(images, { quantize, temperature, noise });
      const values: Stage1Values = {};
      for (const { name, loss } of reconstruction) values[name] = loss(decoded, images);
      values['quantizer'] = quantizerLoss;
      const terms = reconstruction.map(({ name, weight }) => ({ value: values[name]!, weight }));
      terms.push({ value: quantizerLoss, weight: quantizer });
      let loss = weightedSum(terms);
      if (adversarial) {
        values['adversarial'] = adversarial.evaluate(decoded);
        if (adversarial.lastLayer) values['adaptiveWeight'] = tf.scalar(0);
        const scale = generatorScale(adversarial.weight, adversarialFactor, values['adaptiveWeight']);
        loss = tf.add(loss, tf.mul(values['adversarial'], scale));
      }
      return { loss, ...values };
    });
  };
}
