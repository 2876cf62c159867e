import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ConfigError, parseOptions } from '@vitvq/core';
import { Adam, AdamW } from '@vitvq/optim';
import { createOptimizer, durationSchema, isLookDue, learningRateAt, optimizerSchema } from '../src/index.js';
import { differences, isAllowed, listDifferences } from '../src/internal/differences.js';

describe('parseOptions', () => {
  const schema = z.strictObject({ duration: durationSchema, optimizer: optimizerSchema });
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

describe('a plan', () => {
  it('warms up and comes down', () => {
    const rate = learningRateAt({ peak: 2, end: 1, warmup: 0.5 });
    expect([0, 0.25, 0.5, 0.75, 1].map(rate)).toEqual([0, 1, 2, expect.closeTo(1.5, 10), 1]);
  });

  it('chooses an optimizer and what it decays', () => {
    const variables = new Map([
      ['embedding', tf.variable(tf.ones([2, 2]))],
      ['bias', tf.variable(tf.ones([2]))],
    ]);
    const moments = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 1 };
    expect(createOptimizer(variables, moments)).toBeInstanceOf(AdamW);
    expect(createOptimizer(variables, { ...moments, kind: 'adam' })).toBeInstanceOf(Adam);
    const decayed = (['weights', 'linear-weights', 'all'] as const).map((decay) => {
      for (const variable of variables.values()) variable.assign(tf.ones(variable.shape));
      const zeros = new Map([...variables].map(([name, { shape }]) => [name, tf.zeros(shape)]));
      createOptimizer(variables, { ...moments, decay }).apply(zeros, tf.scalar(0.5));
      return [...variables.values()].map((variable) => variable.dataSync()[0]);
    });
    expect(decayed).toEqual([
      [0.5, 1],
      [1, 1],
      [0.5, 0.5],
    ]);
  });
});

describe('isLookDue', () => {
  const looks = (last: number, schedule?: Parameters<typeof isLookDue>[1]): number[] =>
    Array.from({ length: last + 1 }, (_, step) => step).filter((step) => isLookDue(step, schedule));

  it('is often at first, then at regular distances', () => {
    expect(looks(20_000)).toEqual([0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 20_000]);
    expect(looks(12, { steps: [0, 3], everySteps: 5 })).toEqual([0, 3, 5, 10]);
    expect(looks(12, { steps: [2], everySteps: 0 })).toEqual([2]);
    expect(looks(9, { steps: [], everySteps: 4 })).toEqual([4, 8]);
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
