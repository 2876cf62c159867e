import * as tf from '@tensorflow/tfjs-core';
import { assertInRange, assertShape, ConfigError, formatShape, ShapeError, type Discriminator } from '@vitvq/core';
import { l1Loss, l2Loss, logitLaplaceLoss } from '@vitvq/losses';
import type { ViTVQImages } from '@vitvq/tokenizer';
import type { Stage1Controls, Stage1LossOptions, Stage1LossWeights, Stage1Model } from '../loss.js';

/** A part of the reconstruction loss, as a function of what the decoder says. */
interface ReconstructionTerm {
  readonly name: keyof Stage1LossWeights;
  readonly weight: number;
  readonly loss: (decoded: tf.Tensor4D, images: tf.Tensor4D) => tf.Scalar;
}

interface GeneratorTerm {
  readonly weight: number;
  /** Where the adaptive weight is measured; none: the weight is not adaptive. */
  readonly lastLayer: tf.Variable | undefined;
  readonly loss: (decoded: tf.Tensor4D) => tf.Scalar;
  /** As `loss`, without statistics of the batch. */
  readonly evaluate: (decoded: tf.Tensor4D) => tf.Scalar;
}

/** The terms in use. */
export interface Stage1Terms {
  /** At least one, each with a weight above 0. */
  readonly reconstruction: readonly ReconstructionTerm[];
  readonly adversarial: GeneratorTerm | undefined;
  /** Weight of the quantizer's loss; it may be 0. */
  readonly quantizer: number;
}

/** Checks that weights and parts fit together. @throws {ConfigError} */
export function stage1Terms(options: Stage1LossOptions, where: string): Stage1Terms {
  const { tokenizer, losses = {}, perceptual, quantize = true } = options;
  const { l1 = 0, l2 = 1, logitLaplace = 0, quantizer = 1, perceptual: perceptualWeight = 0, adversarial = 0 } = losses;
  const weights = { l1, l2, logitLaplace, quantizer, perceptual: perceptualWeight, adversarial };
  for (const [name, weight] of Object.entries(weights)) assertInRange(weight, `the weight ${name}`, where, 0);
  if (l1 + l2 + logitLaplace + perceptualWeight === 0) {
    throw new ConfigError({
      where,
      expected: 'a reconstruction loss with a weight above 0',
      got: 'none',
      fix: 'Set l1, l2, logitLaplace or perceptual.',
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
  if (perceptualWeight > 0 && !perceptual) {
    throw new ConfigError({
      where,
      expected: `a perceptual loss for the weight ${perceptualWeight}`,
      got: 'none',
      fix: 'Pass perceptual, an LPIPS with its weights for example, or set the weight to 0.',
    });
  }
  const terms: [name: ReconstructionTerm['name'], term: (made: ViTVQImages, images: tf.Tensor4D) => tf.Scalar][] = [
    ['l1', ({ reconstruction }, images) => l1Loss(reconstruction, images)],
    ['l2', ({ reconstruction }, images) => l2Loss(reconstruction, images)],
    ['logitLaplace', (made, images) => logitLaplaceLoss(made.logitLaplace!, images)],
    ['perceptual', ({ reconstruction }, images) => tf.mean<tf.Scalar>(perceptual!.distance(images, reconstruction))],
  ];
  return {
    reconstruction: terms
      .filter(([name]) => weights[name] > 0)
      .map(([name, term]) => ({
        name,
        weight: weights[name],
        loss: (decoded, images) => tf.tidy(() => term(interpretAs(tokenizer, decoded, images), images)),
      })),
    adversarial: adversarial > 0 ? generatorTerm(options, adversarial, where) : undefined,
    // Weight 0 instead of leaving the term out: every variable keeps a gradient.
    quantizer: quantize ? quantizer : 0,
  };
}

function generatorTerm({ tokenizer, adversarial }: Stage1LossOptions, weight: number, where: string): GeneratorTerm {
  if (!adversarial) {
    throw new ConfigError({
      where,
      expected: `a discriminator for the adversarial weight ${weight}`,
      got: 'none',
      fix: 'Pass adversarial: { discriminator, loss }, or set the weight to 0.',
    });
  }
  const { discriminator, loss, adaptiveWeight = false } = adversarial;
  assertDiscriminatorFits(discriminator, tokenizer, where);
  if (adaptiveWeight && !tokenizer.lastLayer) {
    throw new ConfigError({
      where,
      expected: 'a decoder that names its lastLayer, where the adaptive weight compares gradients',
      got: 'none',
      fix: 'Give the decoder a lastLayer, or set adaptiveWeight to false.',
    });
  }
  const logits = (decoded: tf.Tensor4D, options?: { readonly training: boolean }): tf.Tensor =>
    discriminator.logits(tokenizer.interpret(decoded).reconstruction, options);
  return {
    weight,
    lastLayer: adaptiveWeight ? tokenizer.lastLayer : undefined,
    loss: (decoded) => tf.tidy(() => loss.generator(logits(decoded))),
    evaluate: (decoded) => tf.tidy(() => loss.generator(logits(decoded, { training: false }))),
  };
}

/** @throws {ConfigError} when both take one size only, and not the same one */
export function assertDiscriminatorFits(discriminator: Discriminator, { imageSize }: Stage1Model, where: string): void {
  const size = discriminator.imageSize;
  if (!size || !imageSize || (size[0] === imageSize[0] && size[1] === imageSize[1])) return;
  throw new ConfigError({
    where,
    expected: `a discriminator for the tokenizer's images of ${imageSize.join('x')} pixels`,
    got: `one for ${size.join('x')}`,
    fix: 'Create both with the same image size.',
  });
}

/** The images that `decoded` stands for. @throws {ShapeError} when they are not of the shape of those they are made from */
export function interpretAs(tokenizer: Stage1Model, decoded: tf.Tensor4D, images: tf.Tensor4D): ViTVQImages {
  const made = tokenizer.interpret(decoded);
  const [expected, got] = [formatShape(images.shape), formatShape(made.reconstruction.shape)];
  if (got !== expected) {
    throw new ShapeError({
      where: 'stage-1 loss',
      expected: `reconstructions of the images' shape ${expected}`,
      got,
      fix: 'Build encoder and decoder for the same image size and number of channels.',
    });
  }
  return made;
}

/** Sum of the values times their weights. */
export function weightedSum<T extends tf.Tensor>(terms: readonly { readonly value: T; readonly weight: number }[]): T {
  return terms.map(({ value, weight }) => scaled(value, weight)).reduce((sum, term) => tf.add(sum, term));
}

export function scaled<T extends tf.Tensor>(value: T, weight: number): T {
  return weight === 1 ? value : tf.mul(value, weight);
}

/** What the generator's loss is multiplied by. */
export function generatorScale(weight: number, factor?: tf.Scalar, adaptive?: tf.Scalar): tf.Scalar {
  return [factor, adaptive].reduce<tf.Scalar>(
    (scale, other) => (other ? tf.mul(scale, other) : scale),
    tf.scalar(weight),
  );
}

/** Before anything is computed. @throws {ShapeError} */
export function assertControls({ adversarialFactor, temperature }: Stage1Controls, where: string): void {
  for (const [name, control] of Object.entries({ adversarialFactor, temperature })) {
    if (control) assertShape(control, [], `${where}, ${name}`, 'Give it as a scalar tensor.');
  }
}
