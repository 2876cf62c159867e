import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { doctor, useEngine } from '@vitvq/engine';
import { Adam } from '@vitvq/optim';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { gradientsWithValues, Learner, LossScaler, TrainStep, type GradientFunction } from '../src/index.js';

const { engines } = await doctor();
const available = (['cpu', 'onnx'] as const).filter((name) =>
  engines.some((engine) => engine.name === name && engine.available),
);

/** A training of one weight, whose loss is `slope` times the weight. */
function setUp({ accumulate = 1 } = {}) {
  const weight = tf.tidy(() => tf.variable(tf.scalar(0.3)));
  const seen = tf.tidy(() => tf.variable(tf.scalar(0), false));
  const variables = new Map<string, tf.Variable>([['weight', weight]]);
  const optimizer = new Adam([{ variables }]);
  const scaler = new LossScaler();
  const state = new Map([['seen', seen]]);
  const step = new TrainStep({ name: 'fit', optimizer, variables, state, scaler, accumulate });
  const gradientsOf: GradientFunction<readonly [tf.Scalar]> = (slope) => {
    seen.assign(tf.add(seen, 1));
    return gradientsWithValues(() => {
      const loss = tf.mul<tf.Scalar>(weight, slope);
      return { minimised: loss, values: { loss } };
    }, variables);
  };
  const run = async (slope: number) => {
    const inputs = Array.from({ length: accumulate }, () => [tf.scalar(slope)] as const);
    const result = await step.update('fit', () => gradientsOf, inputs, 0.01);
    tf.dispose(inputs.flat());
    return result;
  };
  const scaling = scaler.namedVariables();
  const trained = new Map([['weight', weight], ['seen', seen], ...optimizer.namedVariables()]);
  const read = async (of: ReadonlyMap<string, tf.Variable>): Promise<Record<string, number>> =>
    Object.fromEntries(
      await Promise.all([...of].map(async ([name, each]) => [name, (await each.data())[0]!] as const)),
    );
  const dispose = (): void => {
    for (const each of [step, optimizer, scaler, weight, seen]) each.dispose();
  };
  return { run, scaling, trained, read, dispose };
}

/** With this slope, the square of the gradient overflows in float32. */
const steep = 2 ** 70;

describe.each(available)('loss scaling on %s', (engine) => {
  beforeAll(async () => {
    await useEngine({ name: engine, threads: 1, onCompile: () => undefined });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  it.each([1, 2])(
    'leaves out a step that overflows, every bit as it was, and halves (%d parts)',
    async (accumulate) => {
      const { run, trained, scaling, read, dispose } = setUp({ accumulate });
      onTestFinished(dispose);
      await run(1);
      const before = await read(trained);
      for (const scale of [2 ** 16, 2 ** 15, 2 ** 14]) {
        const { values, isFinite, hasOverflowed, gradientNorms } = await run(steep);
        expect({ scale: values['lossScale'], isFinite, hasOverflowed }).toEqual({
          scale,
          isFinite: false,
          hasOverflowed: true,
        });
        expect(gradientNorms.size).toBe(0);
        expect(values['loss']).toBeGreaterThan(2 ** 60);
        expect(await read(trained)).toEqual(before);
      }
      const { gradientNorm, isFinite, hasOverflowed } = await run(2);
      expect({ gradientNorm, isFinite, hasOverflowed }).toEqual({
        gradientNorm: 2,
        isFinite: true,
        hasOverflowed: false,
      });
      expect(await read(scaling)).toEqual({ scale: 2 ** 13, goodSteps: 1 });
      expect((await read(trained))['weight']).not.toBe(before['weight']);
    },
  );

  it('doubles after 2,000 good steps, up to a limit', async () => {
    const { run, scaling, read, dispose } = setUp();
    onTestFinished(dispose);
    scaling.get('goodSteps')!.assign(tf.scalar(1998));
    await run(1);
    expect(await read(scaling)).toEqual({ scale: 2 ** 16, goodSteps: 1999 });
    await run(1);
    expect(await read(scaling)).toEqual({ scale: 2 ** 17, goodSteps: 0 });
    scaling.get('scale')!.assign(tf.scalar(2 ** 24));
    scaling.get('goodSteps')!.assign(tf.scalar(1999));
    await run(1);
    expect(await read(scaling)).toEqual({ scale: 2 ** 24, goodSteps: 0 });
  });

  it('takes failures for failures: a value that is not finite, and gradients at the scale 1', async () => {
    const { run, scaling, read, dispose } = setUp();
    onTestFinished(dispose);
    expect(await run(NaN)).toMatchObject({ isFinite: false, hasOverflowed: false });
    scaling.get('scale')!.assign(tf.scalar(1));
    expect(await run(steep)).toMatchObject({ isFinite: false, hasOverflowed: false });
    expect(await read(scaling)).toMatchObject({ scale: 1 });
  });
});

describe('a learner in float16', () => {
  const learner = (): Learner & { readonly weight: tf.Variable } => {
    const weight = tf.tidy(() => tf.variable(tf.tensor2d([[2 ** -10]])));
    const variables = new Map<string, tf.Variable>([['weight', weight]]);
    const options = { name: 'fit', variables, clipNorm: null, accumulate: 1, precision: 'float16' } as const;
    const optimizer = {
      kind: 'adam',
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-8,
      weightDecay: 0,
      decay: 'weights',
    } as const;
    const learningRate = { peak: 0, end: 0, warmup: 0 };
    return Object.assign(new Learner({ ...options, optimizer, learningRate }), { weight });
  };
  const gradients =
    (weight: tf.Variable): GradientFunction<readonly [tf.Tensor2D]> =>
    (x) =>
      gradientsWithValues(
        () => {
          const loss = tf.mean<tf.Scalar>(tf.matMul(x, weight));
          return { minimised: loss, values: { loss } };
        },
        new Map([['weight', weight]]),
      );

  it.skipIf(!available.includes('onnx'))('finds a scale for large gradients, and keeps small ones', async () => {
    await useEngine({ name: 'onnx', threads: 1, onCompile: () => undefined });
    onTestFinished(async () => {
      await useEngine({ name: 'cpu' });
    });
    const fit = learner();
    const x = tf.tensor2d([[2 ** 14]]);
    let result = await fit.update('fit', () => gradients(fit.weight), [[x]], 0.5);
    const scales = [result.values['lossScale']];
    while (result.hasOverflowed) {
      result = await fit.update('fit', () => gradients(fit.weight), [[x]], 0.5);
      scales.push(result.values['lossScale']);
    }
    // 2^14 times the scale overflows float16 down to 2^2.
    expect(scales).toEqual(Array.from({ length: 16 }, (_, index) => 2 ** (16 - index)));
    expect(result.gradientNorm).toBe(2 ** 14);
    fit.dispose();
    // Without a scale, this gradient would be 0 in float16.
    const small = learner();
    const rows = tf.fill<tf.Rank.R2>([2 ** 11, 1], 2 ** -14);
    const kept = await small.update('fit', () => gradients(small.weight), [[rows]], 0.5);
    expect(kept.gradientNorm).toBe(2 ** -14);
    small.dispose();
  });
});

it('leaves no tensors behind', async () => {
  await useEngine({ name: 'cpu' });
  await expectNoTensorLeak(async () => {
    const { run, dispose } = setUp();
    await run(1);
    await run(steep);
    dispose();
  });
});
