import { readFileSync } from 'node:fs';
import { ConfigError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import {
  constantSchedule,
  exponentialDecaySchedule,
  referenceWarmupLinearSchedule,
  warmupCosineSchedule,
  warmupLinearSchedule,
  type Schedule,
} from '../src/index.js';

interface Golden<C> {
  config: C;
  steps: number[];
  schedule: number[];
}
interface WarmupConfig {
  warmUpSteps: number;
  maxDecaySteps: number;
  min: number;
  max: number;
  start: number;
}
const golden = JSON.parse(readFileSync(new URL('golden/schedules.json', import.meta.url), 'utf8')) as {
  cases: {
    sched_exponential: Golden<{ start: number; end: number; decayEveryStep: number; scaleFactor: number }>;
    sched_cosine: Golden<WarmupConfig>;
    sched_linear: Golden<WarmupConfig>;
  };
};
const options = ({ warmUpSteps, maxDecaySteps, min, max, start }: WarmupConfig) => ({
  peak: max,
  warmupSteps: warmUpSteps,
  totalSteps: maxDecaySteps,
  start,
  end: min,
});
const expectRelative = (schedule: Schedule, start: number, { steps, schedule: values }: Golden<unknown>): void => {
  steps.forEach((step, index) => expect(schedule(step) / start, `step ${step}`).toBeCloseTo(values[index]!, 12));
};

describe('the values of the reference', () => {
  it('cosine', () => {
    const { sched_cosine } = golden.cases;
    expectRelative(warmupCosineSchedule(options(sched_cosine.config)), sched_cosine.config.start, sched_cosine);
  });

  it('linear, with its smallest repair', () => {
    const { sched_linear } = golden.cases;
    expectRelative(
      referenceWarmupLinearSchedule(options(sched_linear.config)),
      sched_linear.config.start,
      sched_linear,
    );
  });

  it('exponential', () => {
    const { sched_exponential } = golden.cases;
    const { start, end, decayEveryStep, scaleFactor } = sched_exponential.config;
    const schedule = exponentialDecaySchedule({ start, end, rate: scaleFactor, decayEvery: decayEveryStep });
    expectRelative(schedule, start, sched_exponential);
  });
});

describe.each([
  ['warmupCosineSchedule', warmupCosineSchedule],
  ['warmupLinearSchedule', warmupLinearSchedule],
] as const)('%s', (name, make) => {
  const schedule = make({ peak: 1, warmupSteps: 4, totalSteps: 12, start: 0.2, end: 0.1 });

  it('rises, meets the peak, falls halfway to the middle, and stays at the end', () => {
    expect([0, 1, 2, 4].map(schedule).map((value) => +value.toFixed(10))).toEqual([0.2, 0.4, 0.6, 1]);
    expect(schedule(8)).toBeCloseTo(0.55, 12);
    expect([12, 13, 1e9, Infinity].map(schedule)).toEqual([0.1, 0.1, 0.1, 0.1]);
    const values = Array.from({ length: 13 }, (_, step) => schedule(step));
    expect(values.slice(4)).toEqual(values.slice(4).sort((a, b) => b - a));
  });

  it('is continuous where the warm-up ends', () => {
    expect(Math.abs(schedule(4) - schedule(4 - 1e-9))).toBeLessThan(1e-8);
    expect(Math.abs(schedule(12) - schedule(12 - 1e-9))).toBeLessThan(1e-8);
  });

  it('is a function of the step alone', () => {
    const later = schedule(7);
    schedule(100);
    expect(schedule(7)).toBe(later);
    expect(schedule(-3)).toBe(schedule(0));
    expect(() => schedule(NaN)).toThrow('Schedule: expected step to be a number, got NaN.');
  });

  it('begins at the peak without a warm-up, and at 0 and ends at 0 by default', () => {
    expect(make({ peak: 3, warmupSteps: 0, totalSteps: 1 })(0)).toBe(3);
    expect(make({ peak: 3, warmupSteps: 2, totalSteps: 4 })(0)).toBe(0);
    expect(make({ peak: 3, warmupSteps: 2, totalSteps: 4 })(4)).toBe(0);
  });

  it('refuses what cannot be', () => {
    expect(() => make({ peak: 1, warmupSteps: 5, totalSteps: 5 })).toThrow(ConfigError);
    expect(() => make({ peak: 1, warmupSteps: 5, totalSteps: 5 })).toThrow(
      `${name}: expected totalSteps to be a number greater than warmupSteps 5, got 5. Train for longer or warm up for fewer steps.`,
    );
    expect(() => make({ peak: NaN, warmupSteps: 0, totalSteps: 1 })).toThrow(`${name}: expected peak to be`);
    expect(() => make({ peak: 1, warmupSteps: -1, totalSteps: 1 })).toThrow(`${name}: expected warmupSteps to be`);
    expect(() => make({ peak: 1, warmupSteps: 0, totalSteps: Infinity })).toThrow(ConfigError);
    expect(() => make({ peak: 1, warmupSteps: 0, totalSteps: 1, end: NaN })).toThrow(`${name}: expected end to be`);
    expect(() => make({ peak: 1, warmupSteps: 0, totalSteps: 1, start: NaN })).toThrow(`${name}: expected start to be`);
  });
});

describe('warmupCosineSchedule', () => {
  it('gives the learning rates of the paper', () => {
    const schedule = warmupCosineSchedule({ peak: 1e-4, end: 5e-5, warmupSteps: 50_000, totalSteps: 500_000 });
    expect(schedule(25_000)).toBeCloseTo(5e-5, 12);
    expect(schedule(50_000)).toBe(1e-4);
    expect(schedule(275_000)).toBeCloseTo(7.5e-5, 12);
    expect(schedule(500_000)).toBe(5e-5);
  });
});

describe('constantSchedule', () => {
  it('never changes', () => {
    expect([0, 5, 1e9].map(constantSchedule(0.3))).toEqual([0.3, 0.3, 0.3]);
    expect(() => constantSchedule(NaN)).toThrow('constantSchedule: expected value to be a finite number');
  });
});

describe('exponentialDecaySchedule', () => {
  it('falls at every step by default, down to its end', () => {
    const schedule = exponentialDecaySchedule({ start: 2, end: 0.5, rate: Math.LN2 });
    expect([0, 1, 2, 3].map(schedule)).toEqual([2, 1, 0.5, 0.5]);
    expect(schedule(-1)).toBe(2);
  });

  it('refuses what cannot be', () => {
    const make = (changes: object) => () => exponentialDecaySchedule({ start: 1, rate: 0.1, ...changes });
    expect(make({ end: 2 })).toThrow(
      'exponentialDecaySchedule: expected end to be a finite number within [0, 1], got 2.',
    );
    expect(make({ rate: -1 })).toThrow('expected rate to be a finite number at least 0');
    expect(make({ start: NaN })).toThrow(ConfigError);
    expect(make({ decayEvery: 0 })).toThrow('expected decayEvery to be a positive integer, got 0.');
  });
});
