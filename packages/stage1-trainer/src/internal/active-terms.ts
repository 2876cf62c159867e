import * as tf from '@tensorflow/tfjs-core';
import {
  assertShape,
  checkOptions,
  ConfigError,
  formatShape,
  parseOptions,
  ShapeError,
  type AdversarialLoss,
  type Discriminator,
  type OptionTable,
} from '@vitvq/core';
import { assertOwnTerms } from '@vitvq/training';
import {
  tokenizerLossTerms,
  tokenizerLossWeightsSchema,
  tokenizerValueNames,
  type TokenizerLossInputs,
  type TokenizerLossTerm,
} from '../loss-terms.js';
import type { TokenizerLossControls, TokenizerLossOptions, TrainedTokenizer } from '../loss.js';

/** Term that is a function of the decoder's output. */
interface DecoderTerm {
  readonly name: string;
  readonly weight: number;
  readonly compute: (inputs: TokenizerLossInputs) => tf.Scalar;
}

/** Generator's side of the adversarial loss. */
interface GeneratorTerm {
  readonly weight: number;
  /** Where the adaptive weight is measured; undefined: the weight is not adaptive. */
  readonly lastLayer: tf.Variable | undefined;
  readonly compute: (decoded: tf.Tensor4D) => tf.Scalar;
  /** As `compute`, without statistics of the batch. */
  readonly evaluate: (decoded: tf.Tensor4D) => tf.Scalar;
}

/** Term of the latents before the quantizer. */
interface AlignmentTerm {
  readonly weight: number;
  readonly compute: (latents: tf.Tensor3D | undefined, images: tf.Tensor4D) => tf.Scalar;
}

/** Terms whose weight is above 0. */
export interface ActiveTerms {
  /** At least one. */
  readonly decoder: readonly DecoderTerm[];
  readonly adversarial: GeneratorTerm | undefined;
  readonly alignment: AlignmentTerm | undefined;
  /** Weight of the quantizer's loss; it may be 0. */
  readonly quantizer: number;
}

/**
 * Returns the terms in use, built-in ones and the caller's.
 * @throws {ConfigError} for weights and parts that do not fit
 */
export function activeTerms(options: TokenizerLossOptions, where: string): ActiveTerms {
  const { tokenizer, losses = {}, perceptual, quantize = true } = options;
  const weights = parseOptions(tokenizerLossWeightsSchema, options.weights ?? {}, `${where} weights`);
  assertOwnTerms(losses, tokenizerValueNames, where);
  const parts = { output: tokenizer.output, perceptual };
  const builtIn = Object.entries(tokenizerLossTerms).flatMap(([name, { compute, check }]): DecoderTerm[] => {
    const weight = weights[name as TokenizerLossTerm];
    if (!compute || weight === 0) return [];
    check?.(parts, weight, where);
    return [{ name, weight, compute: (inputs) => compute(inputs, parts) }];
  });
  const decoder = [...builtIn, ...Object.entries(losses).map(([name, term]) => ({ name, ...term }))];
  if (decoder.length === 0) {
    throw new ConfigError({
      where,
      expected: 'a reconstruction loss with a weight above 0',
      got: 'none',
      fix: 'Set l1, l2, logitLaplace or perceptual, or pass a term of your own.',
    });
  }
  return {
    decoder,
    adversarial: weights.adversarial > 0 ? generatorTerm(options, weights.adversarial, where) : undefined,
    alignment: alignmentTerm(options, weights.alignment, where),
    // Weight 0 instead of leaving the term out: every variable keeps a gradient.
    quantizer: quantize ? weights.quantizer : 0,
  };
}

function generatorTerm({ tokenizer, adversarial }: TokenizerLossOptions, weight: number, where: string): GeneratorTerm {
  assertAdversary(adversarial, weight, where);
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
    discriminator.logits(tokenizer.toImages(decoded).reconstruction, options);
  return {
    weight,
    lastLayer: adaptiveWeight ? tokenizer.lastLayer : undefined,
    compute: (decoded) => tf.tidy(() => loss.generator(logits(decoded))),
    evaluate: (decoded) => tf.tidy(() => loss.generator(logits(decoded, { training: false }))),
  };
}

/** @throws {ConfigError} for a weight without an alignment, and an alignment without a weight */
function alignmentTerm({ alignment }: TokenizerLossOptions, weight: number, where: string): AlignmentTerm | undefined {
  assertAlignment(alignment, weight, where);
  if (!alignment) return undefined;
  return {
    weight,
    compute: (latents, images) => {
      if (latents) return alignment.loss(latents, images);
      throw new ConfigError({
        where,
        expected: 'a tokenizer whose forward returns its latents, for the alignment',
        got: 'none',
      });
    },
  };
}

/** Checks that alignment and weight come together. @throws {ConfigError} */
export function assertAlignment(alignment: object | undefined, weight: number, where: string): void {
  if ((alignment !== undefined) === weight > 0) return;
  throw new ConfigError({
    where,
    expected: alignment
      ? 'a weight losses.alignment above 0 for the alignment'
      : `features for the alignment weight ${weight}`,
    got: alignment ? String(weight) : 'none',
    fix: 'Pass alignment: { name, dim, features } of a frozen network with a weight above 0, or neither.',
  });
}

/** Checks that there is a discriminator for the adversarial weight. @throws {ConfigError} */
export function assertAdversary<T extends { readonly loss: AdversarialLoss }>(
  adversarial: T | undefined,
  weight: number,
  where: string,
): asserts adversarial is T {
  if (adversarial) return;
  throw new ConfigError({
    where,
    expected: `a discriminator for the adversarial weight ${weight}`,
    got: 'none',
    fix: 'Pass adversarial: { discriminator, loss }, for example a StyleDiscriminator of @vitvq/discriminator, or set the weight to 0.',
  });
}

/** @throws {ConfigError} when both take one size only, and not the same one */
export function assertDiscriminatorFits(
  discriminator: Discriminator,
  { imageSize }: TrainedTokenizer,
  where: string,
): void {
  const size = discriminator.imageSize;
  if (!size || !imageSize || (size[0] === imageSize[0] && size[1] === imageSize[1])) return;
  throw new ConfigError({
    where,
    expected: `a discriminator for the tokenizer's images of ${imageSize.join('x')} pixels`,
    got: `one for ${size.join('x')}`,
    fix: 'Create both with the same image size.',
  });
}

/**
 * Returns what the terms see of raw decoder output.
 * @throws {ShapeError} when the images are not of the originals' shape
 */
export function lossInputs(
  tokenizer: TrainedTokenizer,
  decoded: tf.Tensor4D,
  images: tf.Tensor4D,
): TokenizerLossInputs {
  const predicted = tokenizer.toImages(decoded);
  const [expected, got] = [formatShape(images.shape), formatShape(predicted.reconstruction.shape)];
  if (got !== expected) {
    throw new ShapeError({
      where: "tokenizer's loss",
      expected: `reconstructions of the images' shape ${expected}`,
      got,
      fix: 'Build encoder and decoder for the same image size and number of channels.',
    });
  }
  return { images, decoded, ...predicted };
}

/** Returns the sum of the values times their weights. */
export function weightedSum<T extends tf.Tensor>(terms: readonly { readonly value: T; readonly weight: number }[]): T {
  return terms.map(({ value, weight }) => scaled(value, weight)).reduce((sum, term) => tf.add(sum, term));
}

/** Returns a value times a weight. */
export function scaled<T extends tf.Tensor>(value: T, weight: number): T {
  return weight === 1 ? value : tf.mul(value, weight);
}

/** Returns the factor of the generator's loss. */
export function generatorScale(weight: number, factor?: tf.Scalar, adaptive?: tf.Scalar): tf.Scalar {
  return [factor, adaptive].reduce<tf.Scalar>(
    (scale, other) => (other ? tf.mul(scale, other) : scale),
    tf.scalar(weight),
  );
}

const controlNames: OptionTable<TokenizerLossControls> = {
  adversarialFactor: 'optional',
  temperature: 'optional',
  noise: 'optional',
  lengths: 'optional',
  latentNoise: 'optional',
};

/** Checks controls before anything is computed. @throws {ShapeError} @throws {ConfigError} */
export function assertControls(controls: TokenizerLossControls, where: string): void {
  const { adversarialFactor, temperature, lengths } = checkOptions(controls, controlNames, `${where}, controls`);
  for (const [name, control] of Object.entries({ adversarialFactor, temperature })) {
    if (control) assertShape(control, [], `${where}, ${name}`, 'Give it as a scalar tensor.');
  }
  if (lengths) assertShape(lengths, ['B'], `${where}, lengths`, 'Give one number of tokens for each image.');
}
