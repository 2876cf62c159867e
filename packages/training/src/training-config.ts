import { precisions, type Precision } from '@vitvq/engine';
import { z } from 'zod';
import { durationSchema, type Duration } from './duration.js';
import { learningRateSchema, type LearningRateConfig } from './learning-rate.js';
import type { OptimizerConfig } from './optimizer-config.js';

/**
 * Reaction of a run to a step whose loss or gradient is NaN or infinite. The update of such a step
 * is always left out.
 */
export interface NonFinitePolicy {
  /** `stop`: the run ends with `TrainingDivergedError`. `skip`: the step is counted as skipped. */
  readonly action: 'stop' | 'skip';
  /** With `skip`: more failures in a row than this stop the run. */
  readonly maximumInRow: number;
}

/** Fields that the config of every training has, as data that JSON holds. */
export interface TrainingConfig {
  readonly duration: Duration;
  readonly learningRate: LearningRateConfig;
  readonly optimizer: OptimizerConfig;
  /** Longest gradient, by norm over all variables together; null: no limit. */
  readonly clipNorm: number | null;
  /**
   * Parts that a batch is divided into, for batches that do not fit into memory at once.
   * @default 1
   */
  readonly accumulate?: number;
  /**
   * Exponential moving average of the weights, with which the model is evaluated, previewed and
   * exported; `decay` in [0, 1). Null: none.
   * @default null
   */
  readonly ema?: { readonly decay: number } | null;
  /**
   * Type in which training computes matrix products and convolutions; which ones there are depends
   * on the engine. Weights, optimizer, norms, softmax, losses and distances to codes are float32 in
   * each, and so are evaluations. With `float16` losses are scaled dynamically, and the first steps
   * may be left out while the scale is found.
   * @default 'float32'
   */
  readonly precision?: Precision;
  /** Reaction to a step that fails. @default { action: 'stop', maximumInRow: 0 } */
  readonly nonFinite?: NonFinitePolicy;
  /** Seed of everything that the training draws; an integer in [0, 2^53). */
  readonly seed: number;
}

/**
 * Schemas of the fields of {@link TrainingConfig} that are the same in every training; they fill in
 * the defaults.
 */
export const trainingFields = {
  duration: durationSchema,
  learningRate: learningRateSchema,
  clipNorm: z.number().gt(0).nullable(),
  accumulate: z.int().min(1).default(1),
  ema: z
    .strictObject({ decay: z.number().min(0).lt(1) })
    .nullable()
    .default(null),
  precision: z.enum(precisions).default('float32'),
  nonFinite: z
    .strictObject({ action: z.enum(['stop', 'skip']), maximumInRow: z.int().min(0) })
    .default({ action: 'stop', maximumInRow: 0 }),
  seed: z.int().min(0),
};
