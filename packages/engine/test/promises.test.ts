import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { composite } from '@vitvq/core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../src/compile.js';
import { useEngine } from '../src/engines.js';
import { CompileError } from '../src/errors.js';

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeAll(() => process.on('unhandledRejection', note));
afterAll(() => process.off('unhandledRejection', note));

const failing = (message: string): Promise<never> => Promise.reject(new Error(message));
const failingLater = async (): Promise<never> => {
  await new Promise((resolve) => setTimeout(resolve, 2));
  throw new Error('later');
};
/** What TypeScript refuses and JavaScript does not. */
const scalar = (value: unknown): tf.Scalar => value as tf.Scalar;

type Case = [name: string, fn: (x: tf.Tensor) => unknown];
const cases: Case[] = [
  ['is asynchronous', async (x) => tf.mul(x, 2)],
  [
    'goes on with its tensors after a pause',
    async (x) => {
      await Promise.resolve();
      return tf.mul(x, 2).dataSync();
    },
  ],
  [
    'throws at once',
    async () => {
      throw new Error('at once');
    },
  ],
  ['throws later', failingLater],
  ['returns a promise that has failed', () => failing('before')],
  [
    'returns a promise of another library',
    () => ({
      then: (_: unknown, reject: (reason: unknown) => void) => setTimeout(() => reject(new Error('other')), 2),
    }),
  ],
  [
    'returns a promise of another library that throws',
    () => ({
      then: () => {
        throw new Error('then');
      },
    }),
  ],
  ['returns promises among tensors', (x) => ({ x, list: [failing('first')], last: failingLater() })],
  ['calls a compiled function', (x) => compile((y: tf.Tensor) => tf.neg(y))(x)],
  ['gives a promise to tf.tidy', (x) => tf.tidy(() => scalar(failing('tidy'))) ?? x],
  ['gives a promise to a named tf.tidy', () => tf.tidy('named', () => scalar(failingLater()))],
  ['gives a promise to tf.grad', (x) => tf.grad(() => scalar(failingLater()))(x)],
  ['gives a promise to tf.valueAndGrads', (x) => tf.valueAndGrads(() => scalar(failing('grads')))([x])],
  ['gives a promise to tf.variableGrads', () => tf.variableGrads(() => scalar(failingLater())).value],
  [
    'gives a promise to tf.customGrad',
    (x) => tf.customGrad((() => failing('customGrad')) as unknown as Parameters<typeof tf.customGrad>[0])(x),
  ],
  [
    'has a gradient that is asynchronous',
    (x) =>
      tf.grad((y: tf.Tensor) =>
        tf.customGrad(
          // The type of what TensorFlow.js passes says less than it does.
          ((z: tf.Tensor) => ({ value: tf.neg(z), gradFunc: () => failing('gradFunc') })) as unknown as Parameters<
            typeof tf.customGrad
          >[0],
        )(y),
      )(x),
  ],
];

describe.each(['onnx', 'cpu'] as const)('a function that, on the engine %s,', (name) => {
  const weight = tf.tidy(() => tf.variable(tf.scalar(1)));
  beforeAll(async () => {
    await useEngine({ name, threads: 1 });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });
  afterEach(() => {
    unhandled.length = 0;
  });

  it.each(cases)('%s is refused, and nothing fails later', async (_, fn) => {
    const { tidy, customGrad } = tf.engine();
    const compiled = compile(fn, { name: 'f' });
    const error: unknown = await compiled(tf.ones([2])).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(CompileError);
    expect((error as CompileError).message).toMatch(/got a promise|called outside compiled functions/);
    await new Promise((resolve) => setTimeout(resolve, 15));
    expect(unhandled).toEqual([]);
    expect([tf.engine().tidy, tf.engine().customGrad]).toEqual([tidy, customGrad]);
    // The engine works as before.
    const next = await compile(() => tf.tidy(() => tf.add(weight, 1)))();
    expect([...(await next.data())]).toEqual([2]);
  });

  it('gets a promise as an argument is refused likewise', async () => {
    const compiled = compile((x: tf.Tensor) => tf.neg(x), { name: 'f' });
    await expect(compiled(scalar(failing('argument')))).rejects.toThrow(
      /f, arguments: expected tensors.*at value\[0\]/,
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(unhandled).toEqual([]);
  });
});

it('a composite whose body is asynchronous is refused where functions are compiled', async () => {
  await useEngine({ name: 'onnx', threads: 1 });
  const body = (() => failing('body')) as unknown as (...operands: tf.Tensor[]) => tf.Tensor[];
  const compiled = compile((x: tf.Tensor) => composite('named', {}, [x], body)[0]!, { name: 'f' });
  await expect(compiled(tf.ones([2]))).rejects.toThrow(/f, composite named: .*got a promise/);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(unhandled).toEqual([]);
  await useEngine({ name: 'cpu' });
});
