import { checkOptions, type OptionTable } from '@vitvq/core';
import { warmupCosineSchedule } from '@vitvq/optim';
import { z } from 'zod';

/**
 * Linear warm-up from 0 to `peak` over the fraction `warmup` of the run, then a descent to `end`.
 */
export interface LearningRateConfig {
  readonly peak: number;
  readonly end: number;
  /** Fraction of the run, in [0, 1). */
  readonly warmup: number;
  /**
   * Fraction of the run, in [warmup, 1), from which the rate falls exponentially from `peak` to
   * `end`; until then the rate stays at `peak`. Null: a cosine from the end of the warm-up on.
   * @default null
   */
  readonly exponentialFrom?: number | null;
}

const learningRateNames: OptionTable<LearningRateConfig> = {
  peak: 'required',
  end: 'required',
  warmup: 'required',
  exponentialFrom: 'optional',
};

const fraction = z.number().min(0).lt(1);

/** Schema of {@link LearningRateConfig}; it fills in the defaults. */
export const learningRateSchema = z
  .strictObject({
    peak: z.number().gt(0),
    end: z.number().min(0),
    warmup: fraction,
    exponentialFrom: fraction.nullable().default(null),
  })
  .refine(({ exponentialFrom, warmup }) => exponentialFrom === null || exponentialFrom >= warmup, {
    error: 'expected exponentialFrom not to be before the end of the warm-up',
  })
  .refine(({ exponentialFrom, end }) => exponentialFrom === null || end > 0, {
    error: 'expected an end above 0, which an exponential never reaches',
  });

/** Number of steps that the cosine schedule counts in; finer than any run has steps. */
const resolution = 1e9;

/** Returns the learning rate as a function of the progress in [0, 1]. @throws {ConfigError} */
export function learningRateAt(config: LearningRateConfig): (progress: number) => number {
  const { peak, end, warmup, exponentialFrom = null } = checkOptions(config, learningRateNames, 'learningRateAt');
  if (exponentialFrom === null) {
    const schedule = warmupCosineSchedule({ peak, end, warmupSteps: warmup * resolution, totalSteps: resolution });
    return (progress) => schedule(progress * resolution);
  }
  return (progress) => {
    if (progress < warmup) return (peak * progress) / warmup;
    const fallen = Math.min(1, Math.max(0, (progress - exponentialFrom) / (1 - exponentialFrom)));
    return peak * (end / peak) ** fallen;
  };
}
