import { z } from 'zod';
import {
  durationSchema,
  learningRateSchema,
  optimizerSchema,
  type Duration,
  type LearningRatePlan,
  type OptimizerPlan,
} from '@vitvq/training';
import type { Stage1LossWeights } from './loss.js';

/** The discriminator's side of a training whose weight `losses.adversarial` is above 0. */
export interface DiscriminatorPlan {
  /**
   * When the discriminator begins to learn, and with it the adversarial loss unless `adversarialStart` says otherwise: at a
   * step, counted from 0, or at a share of the run, in [0, 1). Before, neither is computed at all. @default { step: 0 }
   */
  readonly start?: { readonly step: number } | { readonly share: number };
  /**
   * When the autoencoder begins to hear it, not before `start`: a discriminator that has learned nothing yet has only noise to
   * say, which the adaptive weight makes as loud as everything else. @default as soon as it starts
   */
  readonly adversarialStart?: { readonly step: number } | { readonly share: number };
  /** Whether the adversarial loss is made as strong as the others at the decoder's last layer (VQGAN). @default false */
  readonly adaptiveWeight?: boolean;
  /**
   * R1: `weight` (gamma / 2) times the squared gradient at real images, computed at step 0 and then every so many steps, and
   * as many times as strong (StyleGAN2, arXiv:1912.04958, sec. 3.1). @default null
   */
  readonly r1?: { readonly weight: number; readonly every: number } | null;
  /** LeCam (arXiv:2104.03310): `weight`, and `decay` of the averages of logits, in [0, 1). @default null */
  readonly leCam?: { readonly weight: number; readonly decay: number } | null;
  /** @default that of the autoencoder */
  readonly optimizer?: OptimizerPlan;
  /** Multiplies the learning rate. @default 1 */
  readonly learningRateScale?: number;
  /** Longest gradient, by global norm; null: no limit. @default null */
  readonly clipNorm?: number | null;
}

/** How a stage-1 training goes, as data. JSON holds it; a checkpoint keeps it, and resuming compares it. */
export interface Stage1Plan {
  readonly duration: Duration;
  readonly learningRate: LearningRatePlan;
  /** Of the autoencoder. */
  readonly optimizer: OptimizerPlan;
  /** Longest gradient, by global norm; null: no limit. */
  readonly clipNorm: number | null;
  /** Parts that a batch is divided into, for batches that do not fit into memory at once. @default 1 */
  readonly accumulate?: number;
  /**
   * Average of the autoencoder's weights, with which it is evaluated, looked at and exported; `decay` in [0, 1).
   * @default null
   */
  readonly movingAverage?: { readonly decay: number } | null;
  readonly losses: Stage1LossWeights;
  /** Only with a weight `losses.adversarial` above 0. @default {} */
  readonly discriminator?: DiscriminatorPlan;
  /**
   * Temperature of a quantizer with noise (`GumbelQuantizer`): `max(end, start exp(-rate n))` with n the step, rounded down to
   * a multiple of `every`. Null: the quantizer's own. @default null
   */
  readonly temperature?: {
    readonly start: number;
    readonly end: number;
    readonly rate: number;
    readonly every: number;
  } | null;
  readonly codebook: {
    /**
     * Share of the run, in [0, 1), that trains a plain autoencoder, without quantizing; then the codebook starts. An encoder
     * that still learns what images are leaves most codes of a young codebook behind. 0: codes from the beginning. In trials on
     * CIFAR-10 it helped runs of a few hundred steps (20.0 instead of 19.3 dB after 250) and not longer ones (22.3 instead of
     * 22.5 dB after 1,500).
     */
    readonly autoencoderShare: number;
    /** Whether codes start as features of a batch instead of noise. */
    readonly initializeFromData: boolean;
    /** Steps between two revivals of codes that nothing chose since the last one; 0: never. */
    readonly reviveEvery: number;
  };
  /**
   * `stop` the run when a loss or gradient is NaN or infinite, or `skip` that step, up to `maximumInRow` in a row. Where the
   * autoencoder's step fails nothing changes either way; where the discriminator's fails, the autoencoder keeps its update.
   * @default { action: 'stop', maximumInRow: 0 }
   */
  readonly nonFinite?: { readonly action: 'stop' | 'skip'; readonly maximumInRow: number };
  /** Draws of the codebook's care and the quantizer's noise; an integer in [0, 2^53). */
  readonly seed: number;
}

const notNegative = z.number().min(0);
const share = z.number().min(0).lt(1);
const positiveNorm = z.number().gt(0).nullable();

const startSchema = z.union([z.strictObject({ step: z.int().min(0) }), z.strictObject({ share })], {
  error: 'expected { step: an integer of at least 0 } or { share: a number in [0, 1) }',
});

const discriminatorSchema = z.strictObject({
  start: startSchema.default({ step: 0 }),
  adversarialStart: startSchema.optional(),
  adaptiveWeight: z.boolean().default(false),
  r1: z
    .strictObject({ weight: z.number().gt(0), every: z.int().min(1) })
    .nullable()
    .default(null),
  leCam: z
    .strictObject({ weight: z.number().gt(0), decay: share })
    .nullable()
    .default(null),
  optimizer: optimizerSchema.optional(),
  learningRateScale: z.number().gt(0).default(1),
  clipNorm: positiveNorm.default(null),
});

/** Fills in the defaults. Unknown keys are problems too. */
export const stage1PlanSchema = z.strictObject({
  duration: durationSchema,
  learningRate: learningRateSchema,
  optimizer: optimizerSchema,
  clipNorm: positiveNorm,
  accumulate: z.int().min(1).default(1),
  movingAverage: z.strictObject({ decay: share }).nullable().default(null),
  losses: z
    .strictObject({
      l1: notNegative.default(0),
      l2: notNegative.default(1),
      logitLaplace: notNegative.default(0),
      quantizer: notNegative.default(1),
      perceptual: notNegative.default(0),
      adversarial: notNegative.default(0),
    })
    .refine(({ l1, l2, logitLaplace, perceptual }) => l1 + l2 + logitLaplace + perceptual > 0, {
      error: 'expected a reconstruction loss with a weight above 0',
    }),
  discriminator: discriminatorSchema.default(discriminatorSchema.parse({})),
  temperature: z
    .strictObject({ start: z.number().gt(0), end: z.number().gt(0), rate: notNegative, every: z.int().min(1) })
    .refine(({ start, end }) => end <= start, { error: 'expected an end that is not above the start' })
    .nullable()
    .default(null),
  codebook: z.strictObject({
    autoencoderShare: share,
    initializeFromData: z.boolean(),
    reviveEvery: z.int().min(0),
  }),
  nonFinite: z
    .strictObject({ action: z.enum(['stop', 'skip']), maximumInRow: z.int().min(0) })
    .default({ action: 'stop', maximumInRow: 0 }),
  seed: z.int().min(0),
});

/** A plan with its defaults. */
export type ResolvedStage1Plan = z.output<typeof stage1PlanSchema>;
