import { z } from 'zod';
import { warmupCosineSchedule } from '@vitvq/optim';
import type { Stage1LossWeights } from './stage1-step.js';

/** How a stage-1 training goes, as data. JSON holds it; a checkpoint keeps it, and resuming compares it. */
export interface Stage1Plan {
  /**
   * `steps`: exactly reproducible. `minutes`: as many steps as fit, learning rate by the share of the time that has passed,
   * so that it always comes down to its end; the time covers everything the trainer does, compiling included.
   */
  readonly duration: { readonly steps: number } | { readonly minutes: number };
  /** Linear warm-up from 0 to `peak` over the share `warmup` of the run, in [0, 1), then a cosine to `end`. */
  readonly learningRate: { readonly peak: number; readonly end: number; readonly warmup: number };
  /** AdamW. */
  readonly optimizer: {
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    readonly weightDecay: number;
  };
  /** Longest gradient, by global norm; null: no limit. */
  readonly clipNorm: number | null;
  readonly losses: Required<Stage1LossWeights>;
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
  /** Draws of the codebook's care; an integer in [0, 2^53). */
  readonly seed: number;
}

const weight = z.number().min(0);
const share = z.number().min(0).lt(1);

/** Unknown keys are problems too. */
export const stage1PlanSchema = z.strictObject({
  duration: z.union([z.strictObject({ steps: z.int().min(1) }), z.strictObject({ minutes: z.number().gt(0) })], {
    error: 'expected { steps: an integer of at least 1 } or { minutes: a number above 0 }',
  }),
  learningRate: z.strictObject({ peak: z.number().gt(0), end: weight, warmup: share }),
  optimizer: z.strictObject({ beta1: share, beta2: share, epsilon: z.number().gt(0), weightDecay: weight }),
  clipNorm: z.number().gt(0).nullable(),
  losses: z
    .strictObject({ l1: weight, l2: weight, logitLaplace: weight, quantizer: weight })
    .refine(({ l1, l2, logitLaplace }) => l1 + l2 + logitLaplace > 0, {
      error: 'expected a pixel loss with a weight above 0',
    }),
  codebook: z.strictObject({ autoencoderShare: share, initializeFromData: z.boolean(), reviveEvery: z.int().min(0) }),
  seed: z.int().min(0),
});

/** Finer than any run has steps. */
const resolution = 1e9;

/** Learning rate at a progress in [0, 1]. */
export function learningRateAt({ peak, end, warmup }: Stage1Plan['learningRate']): (progress: number) => number {
  const schedule = warmupCosineSchedule({ peak, end, warmupSteps: warmup * resolution, totalSteps: resolution });
  return (progress) => schedule(progress * resolution);
}
