import * as tf from '@tensorflow/tfjs-core';
import { checkOptions, type OptionTable } from '@vitvq/core';
import type { AdversarialLoss, Discriminator, PerceptualLoss } from '@vitvq/core';
import type {
  ForwardOptions,
  LatentNoise,
  VQTokenizerForward,
  VQTokenizerImages,
  VQTokenizerOutput,
} from '@vitvq/tokenizer';
import type { LossTerms } from '@vitvq/training';
import type { Alignment } from './alignment.js';
import { activeTerms, assertControls, generatorScale, lossInputs, weightedSum } from './internal/active-terms.js';
import type { TokenizerLossInputs, TokenizerLossWeights } from './loss-terms.js';

/** What losses and gradients need of a model; `VQTokenizer` is one. */
export interface TrainedTokenizer {
  readonly output: VQTokenizerOutput;
  /** Height and width of the images, where there is one size only. */
  readonly imageSize?: readonly [number, number];
  /** Weight of the layer that makes the pixels, where an adaptive weight is measured. */
  readonly lastLayer?: tf.Variable;
  /** Runs encoder, quantizer and decoder. */
  forward(
    images: tf.Tensor4D,
    options?: ForwardOptions,
  ): Pick<VQTokenizerForward, 'decoded' | 'quantizerLoss'> &
    Partial<Pick<VQTokenizerForward, 'latents' | 'divergence'>>;
  /** Turns raw decoder output into images. */
  toImages(decoded: tf.Tensor4D): VQTokenizerImages;
  /** Returns the trained variables by dotted name. */
  namedTrainableVariables(): Map<string, tf.Variable>;
}

/** Generator's side of the adversarial loss. */
export interface AdversarialTerm {
  readonly discriminator: Discriminator;
  readonly loss: AdversarialLoss;
  /**
   * Whether the weight is multiplied by how much stronger the gradient of the other terms is than
   * the adversarial one, at the model's last layer (VQGAN, arXiv:2012.09841, eq. 7;
   * `adaptiveWeight` of
   * @vitvq/losses). The quantizer's loss does not count.
   * @default false
   */
  readonly adaptiveWeight?: boolean;
}

/** Options of the tokenizer's loss and gradients. */
export interface TokenizerLossOptions {
  readonly tokenizer: TrainedTokenizer;
  /** Weights of the built-in terms. @default those of `tokenizerLossTerms` */
  readonly weights?: TokenizerLossWeights;
  /** Terms of the caller, by the names of their values. @default {} */
  readonly losses?: LossTerms<TokenizerLossInputs>;
  readonly perceptual?: PerceptualLoss;
  readonly adversarial?: AdversarialTerm;
  /** For a weight `alignment` above 0, and only then. */
  readonly alignment?: Alignment;
  /**
   * Whether the decoder gets codes. False trains a plain autoencoder: the decoder gets the latents,
   * and the quantizer, whose loss is still returned, neither moves anything nor is moved.
   * @default true
   */
  readonly quantize?: boolean;
}

/** Names of the options {@link TokenizerLossOptions}. */
export const tokenizerLossOptionNames: OptionTable<TokenizerLossOptions> = {
  tokenizer: 'required',
  weights: 'optional',
  losses: 'optional',
  perceptual: 'optional',
  adversarial: 'optional',
  alignment: 'optional',
  quantize: 'optional',
};

// A type, not an interface: only types fit the named tensors of compiled functions.
/** Tensors that change from step to step, so that one compiled function serves all steps. */
export type TokenizerLossControls = {
  /**
   * Scalar that multiplies the weight of the adversarial loss: 0 before the discriminator starts.
   * @default 1
   */
  readonly adversarialFactor?: tf.Scalar;
  /** Scalar temperature of a quantizer with noise. @default the quantizer's own */
  readonly temperature?: tf.Scalar;
  /** Uniform noise of a quantizer that draws, of the shape `tokenizer.noiseShape(batchSize)`. */
  readonly noise?: tf.Tensor;
  /**
   * Number of tokens of each image that the decoder gets, int32 `[B]`, for a tokenizer with nested
   * lengths. @default all
   */
  readonly lengths?: tf.Tensor1D;
  /** Noise in what the decoder gets; the loss in evaluation takes none. @default none */
  readonly latentNoise?: LatentNoise;
};

/**
 * Scalars by name. For the tokenizer: `loss`, which is minimised, and the unweighted terms in use,
 * by the names of `tokenizerLossTerms` and of the caller's terms; `adaptiveWeight` where there is
 * one; `kl` of a tokenizer with a `KLBottleneck`, the divergence in nats a latent.
 */
export type LossValues = Record<string, tf.Scalar>;

/**
 * Creates the tokenizer's loss in evaluation, for images that the model does not learn from:
 * nothing is counted, nothing changes. An adaptive weight needs gradients and counts as 0 here, as
 * in the reference.
 * @returns a function of images `[B, H, W, C]` in [0, 1] that compiles; its caller disposes of the
 *   values
 * @throws {ConfigError} for weights that make no sense, and for parts that are missing or do not
 *   fit
 */
export function createTokenizerLoss(
  options: TokenizerLossOptions,
): (images: tf.Tensor4D, controls?: TokenizerLossControls) => LossValues {
  checkOptions(options, tokenizerLossOptionNames, 'createTokenizerLoss');
  const { tokenizer, quantize = true } = options;
  const { decoder, adversarial, alignment, quantizer } = activeTerms(options, 'createTokenizerLoss');
  return (images, controls = {}) => {
    assertControls(controls, 'createTokenizerLoss');
    const { adversarialFactor, temperature, noise, lengths } = controls;
    return tf.tidy(() => {
      const given = { quantize, temperature, noise, lengths };
      const { decoded, quantizerLoss, latents, divergence } = tokenizer.forward(images, given);
      const values: LossValues = {};
      for (const { name, compute } of decoder) {
        values[name] = tf.tidy(() => compute(lossInputs(tokenizer, decoded, images)));
      }
      values['quantizer'] = quantizerLoss;
      if (divergence) values['kl'] = divergence;
      const terms = decoder.map(({ name, weight }) => ({ value: values[name]!, weight }));
      terms.push({ value: quantizerLoss, weight: quantizer });
      if (alignment) {
        values['alignment'] = alignment.compute(latents, images);
        terms.push({ value: values['alignment'], weight: alignment.weight });
      }
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
