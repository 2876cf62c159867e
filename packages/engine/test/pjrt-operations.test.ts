import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { composite } from '@vitvq/core';
import '@vitvq/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compile } from '../src/compile.js';
import { useEngine } from '../src/engines.js';
import { EngineError } from '../src/errors.js';
import { plugin } from './pjrt-plugin.js';
import { sweepOperations } from './sweep-operations.js';

describe.skipIf(!plugin)('operations compiled for XLA', () => {
  beforeAll(async () => {
    // All of them on several devices take a minute more; `mesh.test.ts` has those that move data.
    const data = Number(process.env['VITVQ_TEST_DEVICES'] ?? 1);
    await useEngine({ name: 'pjrt', mesh: { data, weights: 'sharded' }, onCompile: () => {} });
  });
  afterAll(async () => {
    await useEngine({ name: 'cpu' });
  });

  const denormal = 'XLA on a CPU takes numbers nearer to 0 than 1.2e-38 for 0';
  sweepOperations('pjrt', {
    differs: {
      'gradient of div of special numbers': denormal,
      'floorDiv of special numbers': denormal,
      'sum, mean, prod of what float32 cannot hold on the way': 'it adds and multiplies in float32',
    },
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
