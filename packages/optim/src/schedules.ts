import { ConfigError, assertInRange, checkOptions, type OptionTable } from '@vitvq/core';

/**
 * Value (learning rate, loss weight, temperature) as a function of the step, which is 0 for the
 * first update. A schedule is pure, so that a resumed run gets the same values, and constant beyond
 * both ends.
 */
export type Schedule = (step: number) => number;

/** Options of the schedules with a warm-up. */
export interface WarmupScheduleOptions {
  /** Value at the end of the warm-up. */
  readonly peak: number;
  /** Number of steps of the linear rise from `start` to `peak`; 0 starts at `peak`. */
  readonly warmupSteps: number;
  /** Step at which `end` is reached, counted from 0, warm-up included. */
  readonly totalSteps: number;
  /** Value at step 0 when there is a warm-up. @default 0 */
  readonly start?: number;
  /** Value at `totalSteps` and afterwards. @default 0 */
  readonly end?: number;
}

const warmupScheduleOptionNames: OptionTable<WarmupScheduleOptions> = {
  peak: 'required',
  warmupSteps: 'required',
  totalSteps: 'required',
  start: 'optional',
  end: 'optional',
};

/** Returns a schedule with the same value at every step. @throws {ConfigError} */
export function constantSchedule(value: number): Schedule {
  assertFinite(value, 'value', 'constantSchedule');
  return () => value;
}

/**
 * Returns a schedule of a linear warm-up, then half a cosine period from `peak` to `end`:
 * `end + (peak - end) (1 + cos(pi t)) / 2` with
 * `t = (step - warmupSteps) / (totalSteps - warmupSteps)`. ViT-VQGAN (arXiv:2110.04627, sec. 5.1)
 * has the peak 1e-4 after 50,000 steps and the end 5e-5 at step 500,000. The values are absolute;
 * the reference's `LambdaWarmUpCosineScheduler` divides them by `start`.
 * @throws {ConfigError}
 */
export function warmupCosineSchedule(options: WarmupScheduleOptions): Schedule {
  checkOptions(options, warmupScheduleOptionNames, 'warmupCosineSchedule');
  const { peak, end = 0 } = options;
  return afterWarmup(options, 'warmupCosineSchedule', (t) => end + ((peak - end) * (1 + Math.cos(Math.PI * t))) / 2);
}

/**
 * Returns a schedule of a linear warm-up, then a linear ramp from `peak` at `warmupSteps` to `end`
 * at `totalSteps`, and `end` from there on. The reference's `LambdaWarmUpLinearScheduler` is
 * broken; its values after the smallest repair are those of `referenceWarmupLinearSchedule`.
 * @throws {ConfigError}
 */
export function warmupLinearSchedule(options: WarmupScheduleOptions): Schedule {
  checkOptions(options, warmupScheduleOptionNames, 'warmupLinearSchedule');
  const { peak, end = 0 } = options;
  return afterWarmup(options, 'warmupLinearSchedule', (t) => peak + (end - peak) * t);
}

/**
 * Returns the schedule of the reference's `LambdaWarmUpLinearScheduler` with its undefined name
 * repaired and nothing else: after the warm-up `end + (peak - end) (totalSteps - step) /
 * totalSteps`. The value jumps down by `(peak - end) warmupSteps / totalSteps` when the warm-up
 * ends and falls below `end`, later below 0, after `totalSteps`. Use this schedule for comparisons
 * with the reference, not for training.
 * @throws {ConfigError}
 */
export function referenceWarmupLinearSchedule(options: WarmupScheduleOptions): Schedule {
  checkOptions(options, warmupScheduleOptionNames, 'referenceWarmupLinearSchedule');
  const { peak, warmupSteps, totalSteps, end = 0 } = options;
  const clamped = warmupLinearSchedule(options);
  return (step) =>
    step < warmupSteps ? clamped(step) : end + (peak - end) * ((totalSteps - atLeastZero(step)) / totalSteps);
}

/** Options of {@link exponentialDecaySchedule}. */
export interface ExponentialDecayOptions {
  /** Value at step 0. */
  readonly start: number;
  /** Lower bound. @default 0 */
  readonly end?: number;
  /** Decay at each step: the value falls by the factor exp(-rate). */
  readonly rate: number;
  /** Number of steps between two changes of the value. @default 1 */
  readonly decayEvery?: number;
}

const exponentialDecayOptionNames: OptionTable<ExponentialDecayOptions> = {
  start: 'required',
  end: 'optional',
  rate: 'required',
  decayEvery: 'optional',
};

/**
 * Returns the schedule `max(end, start exp(-rate n))` with n = `step` rounded down to a multiple of
 * `decayEvery` (temperature of the Gumbel quantizer). The reference's `ExponentialDecayScheduler`
 * is the same with its `scaleFactor` as `rate`, divided by `start`.
 *
 * Deviation: the reference keeps the last value in the object and forgets the decay when a run is
 * resumed; this schedule is a pure function.
 * @throws {ConfigError}
 */
export function exponentialDecaySchedule(options: ExponentialDecayOptions): Schedule {
  const {
    start,
    end = 0,
    rate,
    decayEvery = 1,
  } = checkOptions(options, exponentialDecayOptionNames, 'exponentialDecaySchedule');
  const where = 'exponentialDecaySchedule';
  assertInRange(start, 'start', where, 0);
  assertInRange(end, 'end', where, 0, start);
  assertInRange(rate, 'rate', where, 0);
  if (!Number.isInteger(decayEvery) || decayEvery < 1) {
    throw new ConfigError({ where, expected: 'decayEvery to be a positive integer', got: String(decayEvery) });
  }
  return (step) => Math.max(end, start * Math.exp(-rate * Math.floor(atLeastZero(step) / decayEvery) * decayEvery));
}

function afterWarmup(
  { peak, warmupSteps, totalSteps, start = 0, end = 0 }: WarmupScheduleOptions,
  where: string,
  decay: (progress: number) => number,
): Schedule {
  assertFinite(peak, 'peak', where);
  assertFinite(start, 'start', where);
  assertFinite(end, 'end', where);
  assertInRange(warmupSteps, 'warmupSteps', where, 0);
  if (!Number.isFinite(totalSteps) || totalSteps <= warmupSteps) {
    throw new ConfigError({
      where,
      expected: `totalSteps to be a number greater than warmupSteps ${warmupSteps}`,
      got: String(totalSteps),
      fix: 'Train for longer or warm up for fewer steps.',
    });
  }
  return (step) => {
    const position = atLeastZero(step);
    if (position < warmupSteps) return start + (peak - start) * (position / warmupSteps);
    return position >= totalSteps ? end : decay((position - warmupSteps) / (totalSteps - warmupSteps));
  };
}

function atLeastZero(step: number): number {
  if (Number.isNaN(step)) throw new ConfigError({ where: 'Schedule', expected: 'step to be a number', got: 'NaN' });
  return Math.max(0, step);
}

function assertFinite(value: number, name: string, where: string): void {
  assertInRange(value, name, where, -Number.MAX_VALUE);
}
