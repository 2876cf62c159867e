import type { Variable } from '@tensorflow/tfjs-core';
import { z } from 'zod';
import { parseOptions } from '@vitvq/core';
import { Adafactor, decayGroups, type Optimizer } from '@vitvq/optim';
import {
  createOptimizer,
  decayRules,
  durationSchema,
  learningRateAt,
  learningRateSchema,
  optimizerSchema,
  type Duration,
  type LearningRatePlan,
  type OptimizerPlan,
} from '@vitvq/training';

export interface Stage2LearningRatePlan extends LearningRatePlan {
  /**
   * Share of the run, in [warmup, 1), from which the rate falls exponentially from `peak` to `end`; until then it stays at
   * `peak` (the paper). Null: a cosine from the end of the warm-up on. @default null
   */
  readonly exponentialFrom?: number | null;
}

/** What is decayed, see `OptimizerPlan`. */
interface DecayPlan {
  /** @default 'linear-weights', the reference's parameter groups */
  readonly decay?: 'weights' | 'linear-weights' | 'all';
}

/** Adafactor with the step size of the schedule. */
export interface AdafactorPlan extends DecayPlan {
  readonly kind: 'adafactor';
  /** Of the average of updates, in [0, 1); null: there is none. */
  readonly beta1: number | null;
  /** Of the second moments, in [0, 1); null: it grows with the steps. */
  readonly beta2: number | null;
  /** Decoupled. */
  readonly weightDecay: number;
}

export type Stage2OptimizerPlan = (Omit<OptimizerPlan, 'decay'> & DecayPlan) | AdafactorPlan;

/** How a stage-2 training goes, as data. JSON holds it; a checkpoint keeps it, and resuming compares it. */
export interface Stage2Plan {
  readonly duration: Duration;
  readonly learningRate: Stage2LearningRatePlan;
  readonly optimizer: Stage2OptimizerPlan;
  /** Longest gradient, by global norm; null: no limit. */
  readonly clipNorm: number | null;
  /** Parts that a batch is divided into, for batches that do not fit into memory at once. @default 1 */
  readonly accumulate?: number;
  /** Average of the weights, with which the model is evaluated, looked at and exported; `decay` in [0, 1). @default null */
  readonly movingAverage?: { readonly decay: number } | null;
  /**
   * Share of the examples, in [0, 1), whose condition is replaced by the conditioner's null tokens, so that the model can be
   * sampled with classifier-free guidance (Ho & Salimans 2022; 0.1 is common). @default 0
   */
  readonly conditionDropRate?: number;
  /**
   * `stop` the run when a loss or gradient is NaN or infinite, or `skip` that step, up to `maximumInRow` in a row. The
   * step changes nothing either way. @default { action: 'stop', maximumInRow: 0 }
   */
  readonly nonFinite?: { readonly action: 'stop' | 'skip'; readonly maximumInRow: number };
  /** Draws dropout and dropped conditions; an integer in [0, 2^53). */
  readonly seed: number;
}

const share = z.number().min(0).lt(1);
const decay = z.enum(['weights', 'linear-weights', 'all']).default('linear-weights');

const adafactorSchema = z.strictObject({
  kind: z.literal('adafactor'),
  beta1: share.nullable(),
  beta2: share.nullable(),
  weightDecay: z.number().min(0),
  decay,
});

const shared = {
  duration: durationSchema,
  learningRate: learningRateSchema
    .extend({ exponentialFrom: share.nullable().default(null) })
    .refine(({ exponentialFrom, warmup }) => exponentialFrom === null || exponentialFrom >= warmup, {
      error: 'expected exponentialFrom not to be before the end of the warm-up',
    })
    .refine(({ exponentialFrom, end }) => exponentialFrom === null || end > 0, {
      error: 'expected an end above 0, which an exponential never reaches',
    }),
  clipNorm: z.number().gt(0).nullable(),
  accumulate: z.int().min(1).default(1),
  movingAverage: z.strictObject({ decay: share }).nullable().default(null),
  conditionDropRate: share.default(0),
  nonFinite: z
    .strictObject({ action: z.enum(['stop', 'skip']), maximumInRow: z.int().min(0) })
    .default({ action: 'stop', maximumInRow: 0 }),
  seed: z.int().min(0),
};

/** A schema for each optimizer, so that a problem of one is not reported as a problem of all. */
const schemas = {
  adam: z.strictObject({
    ...shared,
    optimizer: optimizerSchema.extend({
      kind: z.enum(['adamw', 'adam'], { error: 'expected one of "adamw"|"adam"|"adafactor"' }).default('adamw'),
      decay,
    }),
  }),
  adafactor: z.strictObject({ ...shared, optimizer: adafactorSchema }),
};

/** A plan with its defaults. */
export type ResolvedStage2Plan = z.output<(typeof schemas)[keyof typeof schemas]>;

/** A plan with its defaults. @throws {ConfigError} naming every problem at once, unknown keys included */
export function resolveStage2Plan(plan: unknown, where: string): ResolvedStage2Plan {
  const { optimizer } = (plan ?? {}) as { optimizer?: { kind?: unknown } };
  return parseOptions(schemas[optimizer?.kind === 'adafactor' ? 'adafactor' : 'adam'], plan, where);
}

/** Learning rate at a progress in [0, 1]. @throws {ConfigError} */
export function stage2LearningRateAt({
  exponentialFrom = null,
  ...plan
}: Stage2LearningRatePlan): (progress: number) => number {
  if (exponentialFrom === null) return learningRateAt(plan);
  const { peak, end, warmup } = plan;
  return (progress) => {
    if (progress < warmup) return (peak * progress) / warmup;
    const fallen = Math.min(1, Math.max(0, (progress - exponentialFrom) / (1 - exponentialFrom)));
    return peak * (end / peak) ** fallen;
  };
}

/** The optimizer of a plan, over variables by dotted name. @throws {ConfigError} */
export function createStage2Optimizer(
  named: ReadonlyMap<string, Variable>,
  plan: ResolvedStage2Plan['optimizer'],
): Optimizer {
  if (plan.kind !== 'adafactor') return createOptimizer(named, plan);
  const groups = decayGroups(named, plan.weightDecay, decayRules[plan.decay]);
  return new Adafactor(groups, { beta1: plan.beta1 ?? undefined, beta2: plan.beta2 ?? undefined });
}
