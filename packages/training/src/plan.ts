import type { Variable } from '@tensorflow/tfjs-core';
import {
  Adam,
  AdamW,
  decayEverything,
  decayGroups,
  decayLinearWeights,
  decayMatrices,
  warmupCosineSchedule,
  type Optimizer,
} from '@vitvq/optim';
import { z } from 'zod';

/**
 * `steps`: exactly reproducible. `minutes`: as many steps as fit, learning rate by the share of the time that has passed,
 * so that it always comes down to its end; the time covers everything the trainer does, compiling included.
 */
export type Duration = { readonly steps: number } | { readonly minutes: number };

/** Linear warm-up from 0 to `peak` over the share `warmup` of the run, in [0, 1), then a cosine to `end`. */
export interface LearningRatePlan {
  readonly peak: number;
  readonly end: number;
  readonly warmup: number;
}

export interface OptimizerPlan {
  /** `adamw` decays weights apart from the gradient, `adam` adds the decay to it (`torch.optim.Adam`). @default 'adamw' */
  readonly kind?: 'adamw' | 'adam';
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /**
   * What is decayed: `weights` leaves out vectors, scalars, codebooks and learned positions; `linear-weights` embeddings
   * too, as the reference's stage 2; `all` leaves out nothing, as its stage 1. @default 'weights'
   */
  readonly decay?: 'weights' | 'linear-weights' | 'all';
}

const notNegative = z.number().min(0);
const share = z.number().min(0).lt(1);

/** Schema of {@link Duration}. */
export const durationSchema = z.union(
  [z.strictObject({ steps: z.int().min(1) }), z.strictObject({ minutes: z.number().gt(0) })],
  { error: 'expected { steps: an integer of at least 1 } or { minutes: a number above 0 }' },
);

/** Schema of {@link LearningRatePlan}. */
export const learningRateSchema = z.strictObject({ peak: z.number().gt(0), end: notNegative, warmup: share });

/** Schema of {@link OptimizerPlan}; it fills in the defaults. */
export const optimizerSchema = z.strictObject({
  kind: z.enum(['adamw', 'adam']).default('adamw'),
  beta1: share,
  beta2: share,
  epsilon: z.number().gt(0),
  weightDecay: notNegative,
  decay: z.enum(['weights', 'linear-weights', 'all']).default('weights'),
});

/** Finer than any run has steps. */
const resolution = 1e9;

/** Learning rate at a progress in [0, 1]. @throws {ConfigError} */
export function learningRateAt({ peak, end, warmup }: LearningRatePlan): (progress: number) => number {
  const schedule = warmupCosineSchedule({ peak, end, warmupSteps: warmup * resolution, totalSteps: resolution });
  return (progress) => schedule(progress * resolution);
}

/** What each word of `OptimizerPlan.decay` stands for. */
export const decayRules = { weights: decayMatrices, 'linear-weights': decayLinearWeights, all: decayEverything };

/** The optimizer of a plan, over variables by dotted name. @throws {ConfigError} */
export function createOptimizer(
  named: ReadonlyMap<string, Variable>,
  { kind = 'adamw', decay = 'weights', weightDecay, ...moments }: OptimizerPlan,
): Optimizer {
  const groups = decayGroups(named, weightDecay, decayRules[decay]);
  return kind === 'adam' ? new Adam(groups, moments) : new AdamW(groups, moments);
}
