import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';
import { doctor, useEngine } from '@vitvq/engine';
import { AdamW } from '@vitvq/optim';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TrainStep, type GradientFunction } from '../src/index.js';

const { engines } = await doctor();
const available = (['cpu', 'onnx'] as const).filter((name) =>
  engines.some((engine) => engine.name === name && engine.available),
);

type Batch = readonly [tf.Tensor2D, tf.Tensor1D];

/**
 * Least squares, with a count of examples that the loss function keeps beside what the optimizer
 * moves.
 */
function setUp({ accumulate = 1, clipNorm }: { accumulate?: number; clipNorm?: number } = {}) {
  const weight = tf.variable(tf.tensor2d([[0.5], [-1]]));
  const bias = tf.variable(tf.scalar(0.1));
  const seen = tf.variable(tf.scalar(0), false);
  const variables = new Map<string, tf.Variable>([
    ['weight', weight],
    ['bias', bias],
  ]);
  const optimizer = new AdamW([{ variables, weightDecay: 0.01 }]);
  const state = new Map([['seen', seen]]);
  const step = new TrainStep({ name: 'fit', optimizer, variables, state, accumulate, clipNorm });
  const gradientsOf: GradientFunction<Batch> = (x, y) => {
    seen.assign(tf.add(seen, tf.mean(x)));
    const { value, grads } = tf.variableGrads(() => {
      const predicted = tf.add(tf.reshape(tf.matMul(x, weight), [-1]), bias);
      return tf.mean<tf.Scalar>(tf.squaredDifference(predicted, y));
    });
    const gradients = new Map([...variables].map(([name, variable]) => [name, grads[variable.name]!]));
    return { values: { half: tf.mul<tf.Scalar>(value, 0.5), loss: value }, gradients };
  };
  const all = new Map([...variables, ...state, ...optimizer.namedVariables()]);
  const values = async (): Promise<Record<string, readonly number[]>> =>
    Object.fromEntries(
      await Promise.all([...all].map(async ([name, variable]) => [name, [...(await variable.data())]] as const)),
    );
  return { step, gradientsOf, values };
}

/** Points of y = 3 a - b, the given rows of eight. */
function points(from: number, count: number, broken = false): Batch {
  const rows = Array.from({ length: count }, (_, index) => [Math.sin(from + index), Math.cos(2 * (from + index))]);
  const targets = rows.map(([a, b]) => 3 * a! - b!);
  if (broken) targets[0] = NaN;
  return [tf.tensor2d(rows), tf.tensor1d(targets)];
}

describe.each(available)('TrainStep on %s', (engine) => {
  beforeAll(async () => {
    await useEngine({ name: engine, threads: 1, onCompile: () => undefined });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  it('minimises, and tells of values and norms of gradients before the update', async () => {
    const { step, gradientsOf } = setUp();
    const first = await step.update('fit', () => gradientsOf, [points(0, 8)], 0.05);
    expect(first.isFinite).toBe(true);
    expect(first.values.half).toBeCloseTo(first.values.loss! / 2, 5);
    expect([...first.gradientNorms.keys()]).toEqual(['weight', 'bias']);
    expect(first.gradientNorm).toBeCloseTo(Math.hypot(...first.gradientNorms.values()), 5);
    let last = first;
    for (let count = 0; count < 200; count++) {
      last = await step.update('fit', () => gradientsOf, [points(0, 8)], 0.05);
    }
    expect(last.values.loss).toBeLessThan(first.values.loss! / 1000);
    step.dispose();
  });

  it('takes the mean gradient of micro-batches, and clips that', async () => {
    const [whole, parts] = [setUp({ clipNorm: 0.5 }), setUp({ clipNorm: 0.5, accumulate: 4 })];
    for (let step = 0; step < 3; step++) {
      const a = await whole.step.update('fit', () => whole.gradientsOf, [points(0, 8)], 0.1);
      const batches = [0, 2, 4, 6].map((from) => points(from, 2));
      const b = await parts.step.update('fit', () => parts.gradientsOf, batches, 0.1);
      expect(b.gradientNorm).toBeCloseTo(a.gradientNorm, 4);
      expect(b.values.loss).toBeCloseTo(a.values.loss!, 4);
    }
    const [a, b] = [await whole.values(), await parts.values()];
    expect(b['weight']).toEqual([expect.closeTo(a['weight']![0]!, 4), expect.closeTo(a['weight']![1]!, 4)]);
    await expect(parts.step.update('fit', () => parts.gradientsOf, [points(0, 8)], 0.1)).rejects.toThrow(ConfigError);
  });

  it.each([1, 2])('leaves everything as it was where a step fails, %i micro-batches', async (accumulate) => {
    const { step, gradientsOf, values } = setUp({ accumulate });
    const batches = (broken: boolean): Batch[] =>
      Array.from({ length: accumulate }, (_, index) => points(index, 4, broken && index === accumulate - 1));
    await step.update('fit', () => gradientsOf, batches(false), 0.1);
    const before = await values();
    const failed = await step.update('fit', () => gradientsOf, batches(true), 0.1);
    expect(failed.isFinite).toBe(false);
    expect(failed.values.loss).toBeNaN();
    expect(await values()).toEqual(before);
    const good = await step.update('fit', () => gradientsOf, batches(false), 0.1);
    expect(good.isFinite).toBe(true);
    expect(await values()).not.toEqual(before);
  });

  it('keeps no tensor', async () => {
    const { step, gradientsOf } = setUp({ accumulate: 2 });
    await expectNoTensorLeak(async () => {
      const batches = [points(0, 4), points(4, 4)];
      await step.update('fit', () => gradientsOf, batches, 0.1);
      tf.dispose(batches.flat());
    });
  });
});
