import * as tf from '@tensorflow/tfjs-core';
import { checkOptions, detach } from '@vitvq/core';
import { adaptiveWeight } from '@vitvq/losses';
import { gradientsWithValues, scaledGradients, type LossGradients } from '@vitvq/training';
import type { Alignment } from './alignment.js';
import {
  activeTerms,
  assertControls,
  generatorScale,
  lossInputs,
  weightedSum,
  type ActiveTerms,
} from './internal/active-terms.js';
import {
  tokenizerLossOptionNames,
  type LossValues,
  type TokenizerLossControls,
  type TokenizerLossOptions,
  type TrainedTokenizer,
} from './loss.js';

/**
 * Function from images `[B, H, W, C]` in [0, 1] to values and gradients, which its caller disposes
 * of.
 */
export type ImageGradients = (images: tf.Tensor4D, controls?: TokenizerLossControls) => LossGradients;

/**
 * Creates loss and gradients of the tokenizer:
 *
 *     l1 + l2 + logit-laplace + perceptual + own terms + quantizer + alignment
 *       + factor · adaptive weight · adversarial
 *
 * each times its weight, with the terms of ViT-VQGAN (arXiv:2110.04627, sec. 3.3) and of the
 * reference. There is one backward pass through the model: all terms but those of quantizer and
 * alignment are functions of the decoder's output, are differentiated there, and the sum of these
 * gradients goes on to the model. The adaptive weight compares two such gradients at the last
 * layer. No gradient reaches the discriminator.
 *
 * The result is plain tensor code without read-backs or decisions on values, so it compiles. It
 * changes what training changes in quantizer (counted codes) and discriminator (statistics of batch
 * norms).
 * @returns a function to {@link LossValues} and the gradients of
 *   `tokenizer.namedTrainableVariables()`, and of the alignment's as `alignment.…`
 * @throws {ConfigError} for weights that make no sense, and for parts that are missing or do not
 *   fit
 */
export function createTokenizerGradients(options: TokenizerLossOptions): ImageGradients {
  checkOptions(options, tokenizerLossOptionNames, 'createTokenizerGradients');
  const { tokenizer, quantize = true } = options;
  const terms = activeTerms(options, 'createTokenizerGradients');
  const variables = learnedVariables(tokenizer, options.alignment);
  return (images, controls = {}) => {
    assertControls(controls, 'createTokenizerGradients');
    const { adversarialFactor, temperature, noise, lengths, latentNoise } = controls;
    return gradientsWithValues(() => {
      const forward = quantize ? { training: true, temperature, noise, lengths, latentNoise } : { quantize, lengths };
      const { decoded, quantizerLoss, latents, divergence } = tokenizer.forward(images, forward);
      const { loss, values, gradient } = atDecoder(tokenizer, decoded, images, terms, adversarialFactor);
      const alignment = terms.alignment?.compute(latents, images);
      const ofLatents = weightedSum([
        { value: quantizerLoss, weight: terms.quantizer },
        ...(alignment ? [{ value: alignment, weight: terms.alignment!.weight }] : []),
      ]);
      return {
        // Not the loss, but a function with the gradient of the loss.
        minimised: tf.add<tf.Scalar>(tf.sum(tf.mul(decoded, gradient)), ofLatents),
        values: {
          loss: tf.add<tf.Scalar>(loss, ofLatents),
          ...values,
          quantizer: quantizerLoss,
          ...(divergence && { kl: divergence }),
          ...(alignment && { alignment }),
        },
      };
    }, variables);
  };
}

/**
 * Returns the variables that the tokenizer's loss trains: the tokenizer's, and those of an
 * alignment as `alignment.…`.
 */
export function learnedVariables(
  tokenizer: Pick<TrainedTokenizer, 'namedTrainableVariables'>,
  alignment: Alignment | undefined,
): Map<string, tf.Variable> {
  const ofAlignment = [...(alignment?.namedTrainableVariables() ?? [])];
  return new Map([
    ...tokenizer.namedTrainableVariables(),
    ...ofAlignment.map(([name, variable]) => [`alignment.${name}`, variable] as const),
  ]);
}

/** Returns a gradient that is taken at the loss scale. */
function gradientAt<T extends tf.Tensor>(differentiate: (scaled: (loss: tf.Scalar) => tf.Scalar) => T): T {
  return scaledGradients((scaled) => new Map([['gradient', differentiate(scaled)]])).get('gradient')!;
}

/** Returns a term of the loss and its gradient. */
function valueAndGradient(
  compute: (x: tf.Tensor4D) => tf.Scalar,
  at: tf.Tensor4D,
): { readonly value: tf.Scalar; readonly gradient: tf.Tensor4D } {
  let value: tf.Scalar;
  const gradient = gradientAt(
    (scaled) =>
      tf.grad((x) => {
        value = tf.keep(compute(x as tf.Tensor4D));
        return scaled(value);
      })(at) as tf.Tensor4D,
  );
  const kept = value!;
  try {
    return { value: tf.clone(kept), gradient };
  } finally {
    kept.dispose();
  }
}

/**
 * Returns all terms but the quantizer's, weighted, and their gradient towards the decoder's output.
 */
function atDecoder(
  tokenizer: TrainedTokenizer,
  decoded: tf.Tensor4D,
  images: tf.Tensor4D,
  { decoder, adversarial }: ActiveTerms,
  factor: tf.Scalar | undefined,
): { loss: tf.Scalar; values: LossValues; gradient: tf.Tensor4D } {
  const at = detach(decoded);
  const terms = decoder.map(({ name, weight, compute }) => {
    const { value, gradient } = valueAndGradient((x) => tf.tidy(() => compute(lossInputs(tokenizer, x, images))), at);
    return { name, weight, value, gradient };
  });
  const values: LossValues = Object.fromEntries(terms.map(({ name, value }) => [name, value]));
  const loss = weightedSum(terms);
  const gradient = weightedSum(terms.map(({ gradient: value, weight }) => ({ value, weight })));
  if (!adversarial) return { loss, values, gradient };

  const generator = valueAndGradient((x) => adversarial.compute(x), at);
  values['adversarial'] = generator.value;
  const { lastLayer } = adversarial;
  if (lastLayer) {
    // These gradients go only through what lies between the last layer and the decoder's output.
    const atLastLayer = (towardsDecoded: tf.Tensor): tf.Tensor =>
      gradientAt(
        (scaled) =>
          tf.variableGrads(() => scaled(tf.sum(tf.mul(decoded, towardsDecoded))), [lastLayer]).grads[lastLayer.name]!,
      );
    values['adaptiveWeight'] = adaptiveWeight(atLastLayer(gradient), atLastLayer(generator.gradient));
  }
  const scale = generatorScale(adversarial.weight, factor, values['adaptiveWeight']);
  return {
    loss: tf.add(loss, tf.mul(generator.value, scale)),
    values,
    gradient: tf.add(gradient, tf.mul(generator.gradient, scale)),
  };
}
