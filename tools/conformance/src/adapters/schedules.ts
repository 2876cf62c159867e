import { DataError } from '@vitvq/core';
import {
  exponentialDecaySchedule,
  referenceWarmupLinearSchedule,
  warmupCosineSchedule,
  type Schedule,
  type WarmupScheduleOptions,
} from '@vitvq/optim';
import { compareValues } from '../compare.js';
import { ConfigReader } from '../config.js';
import type { LoadedCase } from '../fixture.js';
import type { Adapter } from './adapter.js';

/** Values are computed in double precision on both sides. */
const relativeTolerance = 1e-9;

function numbers({ name, values = {} }: LoadedCase, key: string): number[] {
  const list = values[key];
  if (!Array.isArray(list) || !list.every((value) => typeof value === 'number')) {
    throw new DataError({ where: name, expected: `values.${key} to be a list of numbers`, got: typeof list });
  }
  return list;
}

/**
 * What the reference's schedule objects return: `schedule` relative to `start`, `call` the value
 * itself.
 */
function scheduleAdapter(create: (reader: ConfigReader) => { schedule: Schedule; start: number }): Adapter {
  return async (fixture) => {
    const reader = new ConfigReader(fixture.config, fixture.name);
    const { schedule, start } = create(reader);
    reader.finish();
    const steps = numbers(fixture, 'steps');
    const known: Record<string, Schedule> = { schedule: (step) => schedule(step) / start, call: schedule };
    // What the reference raised where its code was repaired is information, not an expectation.
    const about = ['steps', 'referenceErrorFrom', 'referenceError'];
    // What a new object of the reference answers when it is first asked for a later step.
    const resumed = ['freshSteps', 'freshSchedule'];
    const keys = Object.keys(fixture.values ?? {}).filter((key) => !about.includes(key));
    return {
      comparisons: keys
        .filter((key) => !resumed.includes(key))
        .map((key) => {
          const expected = numbers(fixture, key);
          const allowed = relativeTolerance * Math.max(...expected.map(Math.abs));
          return compareValues(key, steps.map(known[key] ?? (() => NaN)), expected, allowed);
        }),
      notCompared: keys.some((key) => resumed.includes(key))
        ? 'freshSchedule, which shows that the reference forgets the decay when it is resumed; ours is a function of the step'
        : undefined,
    };
  };
}

function warmup(reader: ConfigReader): WarmupScheduleOptions & { start: number } {
  return {
    peak: reader.number('max'),
    warmupSteps: reader.number('warmUpSteps'),
    totalSteps: reader.number('maxDecaySteps'),
    start: reader.number('start'),
    end: reader.number('min'),
  };
}

/** `LambdaWarmUpCosineScheduler`. */
export const warmupCosine = scheduleAdapter((reader) => {
  const options = warmup(reader);
  return { schedule: warmupCosineSchedule(options), start: options.start };
});

/** `LambdaWarmUpLinearScheduler` with its undefined name repaired. */
export const warmupLinear = scheduleAdapter((reader) => {
  const options = warmup(reader);
  return { schedule: referenceWarmupLinearSchedule(options), start: options.start };
});

/** `ExponentialDecayScheduler`. */
export const exponentialDecay = scheduleAdapter((reader) => {
  const start = reader.number('start');
  const schedule = exponentialDecaySchedule({
    start,
    end: reader.number('end'),
    rate: reader.number('scaleFactor'),
    decayEvery: reader.number('decayEveryStep'),
  });
  return { schedule, start };
});
