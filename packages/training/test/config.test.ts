import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigError, parseOptions } from '@vitvq/core';
import { Adafactor, Adam, AdamW } from '@vitvq/optim';
import {
  createOptimizer,
  durationSchema,
  isPreviewDue,
  learningRateAt,
  learningRateSchema,
  optimizerSchema,
} from '../src/index.js';
import { differences, isAllowed, listDifferences } from '../src/internal/differences.js';

describe('parseOptions', () => {
  const schema = z.strictObject({ duration: durationSchema, optimizer: optimizerSchema('weights') });
  const optimizer = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0 };

  it('fills in defaults', () => {
    expect(parseOptions(schema, { duration: { steps: 3 }, optimizer }, 'here')).toEqual({
      duration: { steps: 3 },
      optimizer: { ...optimizer, kind: 'adamw', decay: 'weights' },
    });
  });

  it('names all problems, unknown keys and NaN among them', () => {
    const parse = (): unknown =>
      parseOptions(schema, { duration: { steps: 0 }, optimizer: { ...optimizer, beta1: NaN, beta3: 1 } }, 'here');
    expect(parse).toThrow(ConfigError);
    expect(parse).toThrow(/^here: expected options that fit together, got 3 problems: /);
    expect(parse).toThrow('optimizer.beta1 is NaN: ');
    expect(parse).toThrow('unknown option "optimizer.beta3"');
    expect(parse).toThrow('duration.steps is 0: ');
    expect(() => parseOptions(schema, { duration: 'long', optimizer }, 'here')).toThrow(
      'duration is "long": expected { steps: an integer of at least 1 } or { minutes: a number above 0 }',
    );
  });
});

describe('a config', () => {
  it('warms up and comes down', () => {
    const rate = learningRateAt({ peak: 2, end: 1, warmup: 0.5 });
    expect([0, 0.25, 0.5, 0.75, 1].map(rate)).toEqual([0, 1, 2, expect.closeTo(1.5, 10), 1]);
  });

  it('has the schedule of the paper: a plateau, then an exponential', () => {
    const rate = learningRateAt({
      peak: 4.5e-4,
      end: 1e-5,
      warmup: 5_000 / 450_000,
      exponentialFrom: 80_000 / 450_000,
    });
    const at = (step: number): number => rate(step / 450_000);
    expect(at(2_500)).toBeCloseTo(2.25e-4, 10);
    expect(at(79_000)).toBeCloseTo(4.5e-4, 10);
    expect(at(265_000)).toBeCloseTo(Math.sqrt(4.5e-4 * 1e-5), 10);
    expect(at(450_000)).toBeCloseTo(1e-5, 10);
  });

  it('refuses an exponential that begins too early or never ends', () => {
    const parse = (changes: object) => () =>
      parseOptions(learningRateSchema, { peak: 1, end: 0.1, warmup: 0.5, ...changes }, 'here');
    expect(parse({ exponentialFrom: 0.2 })).toThrow('expected exponentialFrom not to be before the end of the warm-up');
    expect(parse({ exponentialFrom: 0.6, end: 0 })).toThrow('expected an end above 0');
  });

  it('names the optimizers that there are', () => {
    const parse = () => parseOptions(optimizerSchema('weights'), { kind: 'sgd' }, 'here');
    expect(parse).toThrow('kind is "sgd": expected one of "adamw"|"adam"|"adafactor"');
  });

  it('chooses an optimizer and what it decays', () => {
    const variables = new Map([
      ['embedding', tf.variable(tf.ones([2, 2]))],
      ['bias', tf.variable(tf.ones([2]))],
    ]);
    const moments = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1 };
    const create = (config: object) => createOptimizer(variables, optimizerSchema('weights').parse(config));
    expect(create(moments)).toBeInstanceOf(AdamW);
    expect(create({ ...moments, kind: 'adam' })).toBeInstanceOf(Adam);
    expect(create({ kind: 'adafactor', beta1: null, beta2: 0.9, weightDecay: 0 })).toBeInstanceOf(Adafactor);
    const decayed = (['weights', 'linear-weights', 'all'] as const).map((decay) => {
      for (const variable of variables.values()) variable.assign(tf.ones(variable.shape));
      const zeros = new Map([...variables].map(([name, { shape }]) => [name, tf.zeros(shape)]));
      create({ ...moments, decay }).apply(zeros, tf.scalar(0.5));
      return [...variables.values()].map((variable) => variable.dataSync()[0]);
    });
    expect(decayed).toEqual([
      [0.5, 1],
      [1, 1],
      [0.5, 0.5],
    ]);
  });
});

describe('isPreviewDue', () => {
  const previews = (last: number, schedule?: Parameters<typeof isPreviewDue>[1]): number[] =>
    Array.from({ length: last + 1 }, (_, step) => step).filter((step) => isPreviewDue(step, schedule));

  it('is often at first, then at regular distances', () => {
    expect(previews(20_000)).toEqual([0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 20_000]);
    expect(previews(12, { steps: [0, 3], everySteps: 5 })).toEqual([0, 3, 5, 10]);
    expect(previews(12, { steps: [2], everySteps: 0 })).toEqual([2]);
    expect(previews(9, { steps: [], everySteps: 4 })).toEqual([4, 8]);
  });
});

describe('differences', () => {
  it('are leaves by path, what is missing included', () => {
    const list = differences({ a: 1, b: { c: [1, 2], d: null } }, { a: 1, b: { c: [1, 3] }, e: 'new' });
    expect(listDifferences(list)).toBe('b.c.1 2 instead of 3; b.d null instead of nothing; e nothing instead of "new"');
  });

  it('are allowed by path or by one above', () => {
    expect(['plan.rate', 'plan.rate.peak', 'plan.rates'].map((path) => isAllowed(path, ['plan.rate']))).toEqual([
      true,
      true,
      false,
    ]);
    expect([true, false].map((all) => isAllowed('anything', all))).toEqual([true, false]);
  });
});
