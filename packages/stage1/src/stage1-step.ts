import * as tf from '@tensorflow/tfjs-core';
import { assertInRange, ConfigError, ShapeError, formatShape } from '@vitvq/core';
import { l1Loss, l2Loss, logitLaplaceLoss } from '@vitvq/losses';
import { clipScale, namedGradients } from '@vitvq/optim';
import type { ForwardOptions, ViTVQ, ViTVQForward } from './vit-vq.js';

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
}

/** What the step needs of an optimizer; `AdamW` of @vitvq/optim is one. */
export interface Stage1Optimizer {
  apply(
    gradients: ReadonlyMap<string, tf.Tensor>,
    learningRate: tf.Scalar,
    options?: { readonly gradientScale?: tf.Scalar },
  ): void;
}

export interface Stage1StepOptions {
  readonly tokenizer: ViTVQ;
  /** Built over `tokenizer.namedTrainableVariables()`; it finds gradients by those names. */
  readonly optimizer: Stage1Optimizer;
  readonly losses?: Stage1LossWeights;
  /** Longest gradient, by norm over all variables together; null: no limit. @default null */
  readonly clipNorm?: number | null;
  /**
   * Without, the step trains a plain autoencoder: the decoder gets latents instead of codes, and the quantizer, whose loss is
   * still returned, moves nothing and is not moved. @default true
   */
  readonly quantize?: boolean;
}

/** Scalars, but for `gradientNorms`. */
// A type, not an interface: only those fit the named tensors of tf.tidy.
export type Stage1StepResult = {
  /** What is minimised. */
  readonly loss: tf.Scalar;
  /** Weighted sum of the pixel terms: `loss` without the quantizer's part. */
  readonly reconstructionLoss: tf.Scalar;
  /** Not weighted. */
  readonly quantizerLoss: tf.Scalar;
  /** Norm over all variables together, before clipping. */
  readonly gradientNorm: tf.Scalar;
  /** `[V]`: norm a variable, in the order of `tokenizer.namedTrainableVariables()`, before clipping. */
  readonly gradientNorms: tf.Tensor1D;
};

export type Stage1Step = (images: tf.Tensor4D, learningRate: tf.Scalar) => Stage1StepResult;

/**
 * One training step of the tokenizer, without perceptual and adversarial terms: loss, gradients, clipping, update. It is
 * plain tfjs code without read-backs or decisions on values, so it compiles; what it changes are the variables of tokenizer
 * and optimizer.
 * @returns a function of images `[B, H, W, C]` in [0, 1] and learning rate; its caller disposes of the results
 * @throws {ConfigError} for weights that make no sense
 */
export function createStage1Step({
  tokenizer,
  optimizer,
  losses = {},
  clipNorm = null,
  quantize = true,
}: Stage1StepOptions): Stage1Step {
  const loss = createStage1Loss(tokenizer, losses);
  if (clipNorm !== null) assertInRange(clipNorm, 'clipNorm', 'createStage1Step', Number.MIN_VALUE);
  return (images, learningRate) =>
    tf.tidy(() => {
      // namedGradients returns the loss alone; the terms are kept until they have been handed on.
      const terms: tf.Scalar[] = [];
      const { value, gradients } = namedGradients(() => {
        const { loss: total, reconstructionLoss, quantizerLoss } = loss(images, { training: quantize, quantize });
        terms.push(tf.keep(reconstructionLoss), tf.keep(quantizerLoss));
        return total;
      }, tokenizer.namedTrainableVariables());
      const [reconstructionLoss, quantizerLoss] = terms.map((term) => {
        const copy = term.clone();
        term.dispose();
        return copy;
      }) as [tf.Scalar, tf.Scalar];
      const squares = tf.stack([...gradients.values()].map((gradient) => tf.sum(tf.square(gradient))));
      const gradientNorm = tf.sqrt<tf.Scalar>(tf.sum(squares));
      const gradientScale = clipNorm === null ? undefined : clipScale(gradientNorm, clipNorm);
      optimizer.apply(gradients, learningRate, { gradientScale });
      const gradientNorms = tf.sqrt(squares) as tf.Tensor1D;
      return { loss: value, reconstructionLoss, quantizerLoss, gradientNorm, gradientNorms };
    });
}

export type Stage1Loss = (
  images: tf.Tensor4D,
  options?: ForwardOptions,
) => Pick<Stage1StepResult, 'loss' | 'reconstructionLoss' | 'quantizerLoss'>;

/** The loss alone: what {@link createStage1Step} minimises, for other training loops. @throws {ConfigError} */
export function createStage1Loss(
  tokenizer: ViTVQ,
  { l1 = 0, l2 = 1, logitLaplace = 0, quantizer = 1 }: Stage1LossWeights = {},
): Stage1Loss {
  const where = 'createStage1Loss';
  for (const [name, weight] of Object.entries({ l1, l2, logitLaplace, quantizer })) {
    assertInRange(weight, `the weight ${name}`, where, 0);
  }
  if (l1 + l2 + logitLaplace === 0) {
    throw new ConfigError({
      where,
      expected: 'a pixel loss with a weight above 0',
      got: 'none',
      fix: 'Set l1, l2 or logitLaplace.',
    });
  }
  if (logitLaplace > 0 && tokenizer.output !== 'logit-laplace') {
    throw new ConfigError({
      where,
      expected: "a tokenizer with output 'logit-laplace' for the logit-laplace loss",
      got: `output '${tokenizer.output}'`,
      fix: "Create it with output: 'logit-laplace', or set the weight to 0.",
    });
  }
  const pixelTerms: [weight: number, term: (forward: ViTVQForward, images: tf.Tensor4D) => tf.Scalar][] = [
    [l1, ({ reconstruction }, images) => l1Loss(reconstruction, images)],
    [l2, ({ reconstruction }, images) => l2Loss(reconstruction, images)],
    [logitLaplace, (forward, images) => logitLaplaceLoss(forward.logitLaplace!, images)],
  ];
  return (images, options) =>
    tf.tidy(() => {
      const forward = tokenizer.forward(images, options);
      const { reconstruction, quantizerLoss } = forward;
      if (formatShape(reconstruction.shape) !== formatShape(images.shape)) {
        throw new ShapeError({
          where: 'stage-1 loss',
          expected: `reconstructions of the images' shape ${formatShape(images.shape)}`,
          got: formatShape(reconstruction.shape),
          fix: 'Build encoder and decoder for the same image size and number of channels.',
        });
      }
      const weighted = pixelTerms
        .filter(([weight]) => weight > 0)
        .map(([weight, term]) => scale(term(forward, images), weight));
      const reconstructionLoss = weighted.reduce((sum, term) => tf.add(sum, term));
      // Weight 0 instead of leaving the term out: every variable keeps a gradient.
      const quantizerPart = scale(quantizerLoss, options?.quantize === false ? 0 : quantizer);
      return { loss: tf.add<tf.Scalar>(reconstructionLoss, quantizerPart), reconstructionLoss, quantizerLoss };
    });
}

function scale(term: tf.Scalar, weight: number): tf.Scalar {
  return weight === 1 ? term : tf.mul(term, weight);
}
