import { discriminatorSchema as discriminatorModelSchema, type DiscriminatorConfig } from '@vitvq/discriminator';
import { adversarialLossSchema, type AdversarialLossConfig } from '@vitvq/losses';
import { optimizerSchema, trainingFields, type OptimizerConfig, type TrainingConfig } from '@vitvq/training';
import { z } from 'zod';
import { tokenizerLossWeightsSchema, type TokenizerLossWeights } from './loss-terms.js';

/** Beginning of something: at a step, counted from 0, or at a fraction of the run, in [0, 1). */
export type Start = { readonly step: number } | { readonly fraction: number };

/** Discriminator's side of a training whose weight `losses.adversarial` is above 0. */
export interface DiscriminatorTrainingConfig {
  /**
   * Discriminator by name, drawn from the seed, for a trainer that gets no `adversarial` object.
   * @default null
   */
  readonly model?: DiscriminatorConfig | null;
  /** Adversarial loss by name, beside `model`. @default { kind: 'hinge' } */
  readonly loss?: AdversarialLossConfig;
  /**
   * Start of the discriminator's training, and with it of the adversarial loss unless
   * `adversarialStart` is later. Before, neither is computed at all.
   * @default { step: 0 }
   */
  readonly start?: Start;
  /**
   * Step at which the adversarial term joins the tokenizer's loss, not before `start`. An untrained
   * discriminator gives noisy gradients, and the adaptive weight would scale them up to match the
   * other terms.
   * @default start
   */
  readonly adversarialStart?: Start;
  /**
   * Whether the adversarial loss is made as strong as the others at the decoder's last layer
   * (VQGAN).
   * @default false
   */
  readonly adaptiveWeight?: boolean;
  /**
   * R1: `weight` (gamma / 2) times the squared gradient at real images, computed at step 0 and then
   * every `every` steps, and as many times as strong (StyleGAN2, arXiv:1912.04958, sec. 3.1).
   * @default null
   */
  readonly r1?: { readonly weight: number; readonly every: number } | null;
  /**
   * LeCam (arXiv:2104.03310): `weight`, and `decay` of the averages of logits, in [0, 1).
   * @default null
   */
  readonly leCam?: { readonly weight: number; readonly decay: number } | null;
  /** @default that of the tokenizer */
  readonly optimizer?: OptimizerConfig;
  /** Factor of the learning rate. @default 1 */
  readonly learningRateScale?: number;
  /** Longest gradient, by norm over all variables together; null: no limit. @default null */
  readonly clipNorm?: number | null;
}

/** Start and reset of the codebook; docs/codebook-health.md shows what both do. */
export interface CodebookTrainingConfig {
  /**
   * Fraction of the run, in [0, 1), that trains a plain autoencoder, without quantizing; then the
   * codebook starts. The features of a young encoder change so fast that they leave most codes
   * behind. 0: codes from the beginning. In trials on CIFAR-10 an autoencoder at first helped runs
   * of a few hundred steps (20.0 instead of 19.3 dB after 250) and not longer ones (22.3 instead of
   * 22.5 dB after 1,500).
   */
  readonly autoencoderFraction: number;
  /** Whether codes start as features of a batch instead of noise. */
  readonly initializeFromData: boolean;
  /** Steps between two resets of codes that nothing chose since the last one; 0: never. */
  readonly resetEvery: number;
}

/** Exponential decay of a temperature. */
export interface TemperatureConfig {
  readonly start: number;
  readonly end: number;
  readonly rate: number;
  readonly every: number;
}

/**
 * Noise in the codes that the decoder gets in training, for decoders that make good images of codes
 * that a transformer drew amiss.
 */
export type LatentNoiseConfig = {
  /**
   * Fraction of the images of a step that get noise, in [0, 1]; or a change of it from `start` to
   * `end` in so many steps, along a line. @default 1
   */
  readonly probability?: number | { readonly start: number; readonly end: number; readonly steps: number };
} & (
  | {
      /**
       * Tokens of these images are replaced by codes drawn from the whole codebook (RobusTok,
       * arXiv:2509.12474, which draws from the nearest codes).
       */
      readonly kind: 'codes';
      /** Fraction of the tokens of an image that are replaced, in (0, 1]. */
      readonly rate: number;
    }
  | {
      /**
       * All tokens q of these images become (1 - t) q + t e with t drawn for each image from U(0,
       * 1) and e from a normal distribution (l-DeTok, arXiv:2507.15856, which does so to latents
       * that are not quantized).
       */
      readonly kind: 'gaussian';
      /** Standard deviation of e, above 0; codes of length 1 have 1 / sqrt(codeDim). */
      readonly stddev: number;
    }
);

/**
 * How a tokenizer is trained, as data that JSON holds. A checkpoint keeps it, and resuming compares
 * it.
 */
export interface TokenizerTrainingConfig extends TrainingConfig {
  /** Weights of the built-in terms of the loss. */
  readonly losses: TokenizerLossWeights;
  /** Only with a weight `losses.adversarial` above 0. @default {} */
  readonly discriminator?: DiscriminatorTrainingConfig;
  /**
   * Temperature of a quantizer with noise (`GumbelQuantizer`): `max(end, start exp(-rate n))` with
   * n the step, rounded down to a multiple of `every`. Null: the quantizer's own.
   * @default null
   */
  readonly temperature?: TemperatureConfig | null;
  /**
   * Noise in the codes that the decoder gets, from the step on at which it gets codes; evaluations
   * have none. @default none
   */
  readonly latentNoise?: LatentNoiseConfig;
  readonly codebook: CodebookTrainingConfig;
}

const fraction = z.number().min(0).lt(1);
const startSchema = z.union([z.strictObject({ step: z.int().min(0) }), z.strictObject({ fraction })], {
  error: 'expected { step: an integer of at least 0 } or { fraction: a number in [0, 1) }',
});
const optimizer = optimizerSchema('weights');

const discriminatorSchema = z.strictObject({
  model: discriminatorModelSchema.nullable().default(null),
  loss: adversarialLossSchema.default({ kind: 'hinge' }),
  start: startSchema.default({ step: 0 }),
  adversarialStart: startSchema.optional(),
  adaptiveWeight: z.boolean().default(false),
  r1: z
    .strictObject({ weight: z.number().gt(0), every: z.int().min(1) })
    .nullable()
    .default(null),
  leCam: z
    .strictObject({ weight: z.number().gt(0), decay: fraction })
    .nullable()
    .default(null),
  optimizer: optimizer.optional(),
  learningRateScale: z.number().gt(0).default(1),
  clipNorm: z.number().gt(0).nullable().default(null),
});

const temperatureSchema = z
  .strictObject({
    start: z.number().gt(0),
    end: z.number().gt(0),
    rate: z.number().min(0),
    every: z.int().min(1),
  })
  .refine(({ start, end }) => end <= start, { error: 'expected an end that is not above the start' });

const probability = z.number().min(0).max(1);
const noisyImages = {
  probability: z
    .union([probability.gt(0), z.strictObject({ start: probability, end: probability, steps: z.int().min(1) })], {
      error: 'expected a number in (0, 1], or { start, end, steps }',
    })
    .optional(),
};

const latentNoiseSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('codes'), rate: z.number().gt(0).max(1), ...noisyImages }),
  z.strictObject({ kind: z.literal('gaussian'), stddev: z.number().gt(0), ...noisyImages }),
]);

/**
 * Schema of {@link TokenizerTrainingConfig}; it fills in the defaults. Unknown keys are problems
 * too.
 */
export const tokenizerTrainingSchema = z.strictObject({
  ...trainingFields,
  optimizer,
  losses: tokenizerLossWeightsSchema,
  discriminator: discriminatorSchema.prefault({}),
  temperature: temperatureSchema.nullable().default(null),
  latentNoise: latentNoiseSchema.optional(),
  codebook: z.strictObject({
    autoencoderFraction: fraction,
    initializeFromData: z.boolean(),
    resetEvery: z.int().min(0),
  }),
});

/** Config of a tokenizer's training with its defaults. */
export type ResolvedTokenizerTrainingConfig = z.output<typeof tokenizerTrainingSchema>;
