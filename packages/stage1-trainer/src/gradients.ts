import * as tf from '@tensorflow/tfjs-core';
import { detach } from '@vitvq/core';
import { adaptiveWeight } from '@vitvq/losses';
import { gradientsWithValues, type GradientsWithValues } from './internal/gradients-with-values.js';
import {
  assertControls,
  generatorScale,
  scaled,
  stage1Terms,
  weightedSum,
  type Stage1Terms,
} from './internal/stage1-terms.js';
import type { Stage1Controls, Stage1LossOptions, Stage1Values } from './loss.js';

export type Stage1Gradients = (images: tf.Tensor4D, controls?: Stage1Controls) => GradientsWithValues;

/**
 * Loss and gradients of the autoencoder:
 *
 *     l1 + l2 + logit-laplace + perceptual + quantizer + factor · adaptive weight · adversarial,  each times its weight
 *
 * with the terms of ViT-VQGAN (arXiv:2110.04627, sec. 3.3) and of the reference. There is one backward pass through the model:
 * all terms but the quantizer's are functions of what the decoder says, are differentiated there, and what they say together
 * goes on to the model. The adaptive weight compares what two such gradients mean for the last layer. No gradient
 * reaches the discriminator.
 *
 * Plain tfjs code without read-backs or decisions on values, so it compiles. What it changes is what training changes in
 * quantizer (counted codes) and discriminator (statistics of batch norms).
 * @returns a function of images `[B, H, W, C]` in [0, 1] to {@link Stage1Values} and the gradients of
 *   `tokenizer.namedTrainableVariables()`; its caller disposes of both
 * @throws {ConfigError} for weights that make no sense, and for parts that are missing or do not fit
 */
export function createStage1Gradients(options: Stage1LossOptions): Stage1Gradients {
  const { tokenizer, quantize = true } = options;
  const terms = stage1Terms(options, 'createStage1Gradients');
  return (images, controls = {}) => {
    assertControls(controls, 'createStage1Gradients');
    const { adversarialFactor, temperature, noise } = controls;
    return gradientsWithValues(() => {
      const forward = quantize ? { training: true, temperature, noise } : { quantize };
      const { decoded, quantizerLoss } = tokenizer.pass(images, forward);
      const { loss, values, gradient } = atDecoder(decoded, images, terms, adversarialFactor);
      const quantizer = scaled(quantizerLoss, terms.quantizer);
      return {
        // Not the loss, but a function with its gradient.
        minimised: tf.add<tf.Scalar>(tf.sum(tf.mul(decoded, gradient)), quantizer),
        values: { loss: tf.add<tf.Scalar>(loss, quantizer), ...values, quantizer: quantizerLoss },
      };
    }, tokenizer.namedTrainableVariables());
  };
}

/** All terms but the quantizer's, weighted, and their gradient towards what the decoder says. */
function atDecoder(
  decoded: tf.Tensor4D,
  images: tf.Tensor4D,
  { reconstruction, adversarial }: Stage1Terms,
  factor: tf.Scalar | undefined,
): { loss: tf.Scalar; values: Stage1Values; gradient: tf.Tensor4D } {
  const at = detach(decoded);
  const terms = reconstruction.map(({ name, weight, loss }) => {
    const { value, grad } = tf.valueAndGrad((x) => loss(x as tf.Tensor4D, images))(at);
    return { name, weight, value: value, gradient: grad as tf.Tensor4D };
  });
  const values: Stage1Values = Object.fromEntries(terms.map(({ name, value }) => [name, value]));
  const loss = weightedSum(terms);
  const gradient = weightedSum(terms.map(({ gradient: value, weight }) => ({ value, weight })));
  if (!adversarial) return { loss, values, gradient };

  const generator = tf.valueAndGrad((x) => adversarial.loss(x as tf.Tensor4D))(at);
  values['adversarial'] = generator.value;
  const { lastLayer } = adversarial;
  if (lastLayer) {
    // Only what lies between the last layer and the decoder's output is gone through.
    const atLastLayer = (towardsDecoded: tf.Tensor): tf.Tensor =>
      tf.variableGrads(() => tf.sum(tf.mul(decoded, towardsDecoded)), [lastLayer]).grads[lastLayer.name]!;
    values['adaptiveWeight'] = adaptiveWeight(atLastLayer(gradient), atLastLayer(generator.grad));
  }
  const scale = generatorScale(adversarial.weight, factor, values['adaptiveWeight']);
  return {
    loss: tf.add(loss, tf.mul(generator.value, scale)),
    values,
    gradient: tf.add(gradient, tf.mul(generator.grad, scale)),
  };
}
