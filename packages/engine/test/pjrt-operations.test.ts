import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { composite } from '@vitvq/core';
import '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../src/compile.js';
import { useEngine } from '../src/engines.js';
import { EngineError } from '../src/errors.js';
import { operationCases, uniform, type OperationCase } from './operations.js';
import { plugin } from './pjrt-plugin.js';

type Run = (...inputs: tf.Tensor[]) => tf.Tensor[];

const outputs =
  ({ run }: OperationCase): Run =>
  (...inputs) =>
    [run(...inputs)].flat();

/** The gradient of a random projection of all outputs, with respect to all inputs. */
function gradients(operation: OperationCase): Run {
  const { cotangents } = tf.tidy(() => ({
    cotangents: outputs(operation)(...operation.inputs()).map(({ shape }) => tf.keep(uniform(shape))),
  }));
  return (...inputs) =>
    tf.grads((...xs: tf.Tensor[]) => {
      const terms = outputs(operation)(...xs).map((output, index) => tf.sum(tf.mul(output, cotangents[index]!)));
      return tf.addN(terms);
    })(inputs);
}

/** Expects the same of `run` eagerly and compiled. */
async function expectSame(run: Run, inputs: tf.Tensor[], tolerance: number): Promise<void> {
  const eager = tf.tidy(() => run(...inputs));
  const compiled = compile(run);
  const results = await compiled(...inputs);
  expect(results.length).toBe(eager.length);
  for (const [index, value] of results.entries()) {
    expect(value.dtype, `dtype of output ${index}`).toBe(eager[index]!.dtype);
    expect(value.shape, `shape of output ${index}`).toEqual(eager[index]!.shape);
    expect(differences(await value.data(), await eager[index]!.data(), tolerance), `output ${index}`).toEqual([]);
  }
  compiled.dispose();
}

/** Returns which numbers differ; NaN and infinities are equal to themselves. */
function differences(got: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): string[] {
  return Array.from(wanted).flatMap((value, index) => {
    const other = got[index]!;
    const isClose = Math.abs(other - value) <= tolerance * (1 + Math.abs(value));
    return Object.is(other, value) || other === value || isClose ? [] : [`${index}: ${other} instead of ${value}`];
  });
}

const values = [
  0,
  -0,
  1e-8,
  -1e-8,
  0.5,
  -0.5,
  1.5,
  -2.5,
  1,
  -1,
  7,
  89,
  -104,
  3e9,
  -5e9,
  2 ** 31,
  1e38,
  NaN,
  Infinity,
  -Infinity,
];
const each = (): tf.Tensor[] => [tf.tensor1d(values)];
/** Every pair of the values. */
const pairs = (): tf.Tensor[] => [
  tf.tensor1d(values.flatMap((value) => values.map(() => value))),
  tf.tensor1d(values.flatMap(() => values)),
];
const integers = [0, 1, -1, 2, -3, 7, 2 ** 31 - 1, -(2 ** 31)];
const integerPairs = (): tf.Tensor[] => [
  tf.tensor1d(
    integers.flatMap((value) => integers.map(() => value)),
    'int32',
  ),
  tf.tensor1d(
    integers.flatMap(() => integers),
    'int32',
  ),
];
/** Rows with a NaN at each place, and rows of infinities and zeros. */
const rowsWithNaN = (): tf.Tensor[] => {
  const rows = [0, 1, 2, 3].map((place) => [3, 1, 2, 3].map((value, index) => (index === place ? NaN : value)));
  return [tf.tensor2d([...rows, [NaN, NaN, NaN, NaN], [-Infinity, -Infinity, 0, -0], [Infinity, 1, Infinity, -1]])];
};
type Edge = readonly [name: string, run: OperationCase['run'], inputs: () => tf.Tensor[]];

/** Where XLA or StableHLO would give something else than TensorFlow.js, and what is like it. */
const edges: readonly Edge[] = [
  [
    'elementwise operations',
    (x) => [
      tf.neg(x),
      tf.exp(x),
      tf.log(x),
      tf.log1p(x),
      tf.sqrt(x),
      tf.rsqrt(x),
      tf.abs(x),
      tf.sign(x),
      tf.floor(x),
      tf.ceil(x),
      tf.round(x),
      tf.tanh(x),
      tf.sigmoid(x),
      tf.erf(x),
      tf.isNaN(x),
      tf.relu(x),
    ],
    each,
  ],
  ['cast', (x) => [tf.cast(x, 'int32'), tf.cast(x, 'bool')], each],
  ['arithmetic', (a, b) => [tf.add(a, b), tf.sub(a, b), tf.mul(a, b), tf.div(a, b), tf.pow(a, b)], pairs],
  ['maximum and minimum', (a, b) => [tf.maximum(a, b), tf.minimum(a, b), tf.maximum(1, b), tf.minimum(b, 1)], pairs],
  ['comparisons', (a, b) => [tf.equal(a, b), tf.notEqual(a, b), tf.less(a, b), tf.greaterEqual(a, b)], pairs],
  ['integers', (a, b) => [tf.add(a, b), tf.sub(a, b), tf.maximum(a, b), tf.less(a, b)], integerPairs],
  [
    'reductions of rows',
    (x) => [tf.sum(x, 1), tf.max(x, 1), tf.min(x, 1), tf.prod(x, 1), tf.argMax(x, 1), tf.argMin(x, 1)],
    rowsWithNaN,
  ],
  [
    'reductions of columns',
    (x) => [tf.sum(x, 0), tf.max(x, 0), tf.min(x, 0), tf.argMax(x, 0), tf.argMin(x, 0)],
    rowsWithNaN,
  ],
  [
    'cumulative sums',
    (x) => [tf.cumsum(x, 1), tf.cumsum(x, 1, true), tf.cumsum(x, 1, false, true), tf.cumsum(x, 0, true, true)],
    rowsWithNaN,
  ],
  ['softmax', (x) => [tf.softmax(x), tf.logSoftmax(x)], rowsWithNaN],
  [
    'segments',
    (x) => tf.unsortedSegmentSum(x, tf.tensor1d([0, 2, 3, -1], 'int32'), 3),
    () => [tf.tensor1d([1, 2, 3, 4])],
  ],
  [
    'empty tensors',
    (x) => [tf.sum(x), tf.sum(x, 0), tf.add(x, 1), tf.matMul(x, x, true), tf.cumsum(x), tf.reverse(x)],
    () => [tf.zeros([0, 3])],
  ],
];

describe.skipIf(!plugin)('every operation gives the same eagerly and compiled for XLA', () => {
  beforeAll(async () => {
    await useEngine({ name: 'pjrt', onCompile: () => {} });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  it.each(operationCases.map((operation) => [operation.name, operation] as const))('%s', async (_, operation) => {
    await expectSame(outputs(operation), operation.inputs(), 1e-5);
  });

  it.each(
    operationCases
      .filter(({ differentiable }) => differentiable)
      .map((operation) => [operation.name, operation] as const),
  )('gradient of %s', async (_, operation) => {
    await expectSame(gradients(operation), operation.inputs(), 1e-4);
  });

  it.each(edges)('%s, at the edges', async (_, run, inputs) => {
    await expectSame((...operands) => [run(...operands)].flat(), inputs(), 1e-6);
  });

  it('refuses an index outside of what is gathered, and goes on', async () => {
    const gather = compile(
      (x: tf.Tensor, rows: tf.Tensor1D, column: tf.Tensor) => tf.gather(tf.gather(x, rows), column, 1),
      { name: 'look up' },
    );
    const x = tf.tensor2d([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const call = async (rows: number[], column: number): Promise<number[]> => [
      ...(await (await gather(x, tf.tensor1d(rows, 'int32'), tf.scalar(column, 'int32'))).data()),
    ];
    expect(await call([1, 0], 2)).toEqual([6, 3]);
    await expect(call([0, -1], 0)).rejects.toThrow(/got an index of a gather is not in \[0, 1\] in look up/);
    await expect(call([2, 0], 0)).rejects.toThrow(/is not in \[0, 1\]/);
    await expect(call([0, 1], 3)).rejects.toThrow(/is not in \[0, 2\]/);
    expect(await call([0, 0], 0)).toEqual([1, 1]);
    gather.dispose();
  });

  it('leaves NaN where an index was outside, in a state too', async () => {
    const state = tf.variable(tf.tensor1d([1, 2]));
    const step = compile((indices: tf.Tensor1D) => state.assign(tf.gather(state, indices)));
    await expect(step(tf.tensor1d([1, 2], 'int32'))).rejects.toThrow(EngineError);
    expect([...(await state.data())]).toEqual([2, NaN]);
    await step(tf.tensor1d([0, 0], 'int32'));
    expect([...(await state.data())]).toEqual([2, 2]);
  });

  it('ranks NaN first, and equal values by their places', async () => {
    const top = compile((x: tf.Tensor) => tf.topk(x, 4));
    const { values, indices } = await top(tf.tensor1d([3, NaN, -0, 0, 3, -Infinity]));
    expect([...(await values.data())]).toEqual([NaN, 3, 3, -0]);
    expect([...(await indices.data())]).toEqual([1, 0, 4, 2]);
    top.dispose();
  });

  it('writes rows that fit, and none that do not', async () => {
    const write = compile((state: tf.Tensor, rows: tf.Tensor, at: tf.Tensor) =>
      composite('write_rows', { axis: 1 }, [state, rows, at], (old) => [tf.clone(old)]),
    );
    const rows = tf.tensor2d([[7, 8]]);
    for (const [at, expected] of [
      [0, [7, 8, 0]],
      [1, [0, 7, 8]],
      [2, [0, 0, 0]],
      [-1, [0, 0, 0]],
    ] as const) {
      const [written] = await write(tf.zeros([1, 3]), rows, tf.scalar(at, 'int32'));
      expect([...(await written!.data())]).toEqual(expected);
    }
    write.dispose();
  });
});
