import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import '@vitvq/test-utils';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportOnnx, type ExportedOnnx } from '../src/onnx-export.js';
import { useEngine } from '../src/engines.js';
import { toFloat16 } from '../src/onnx/float16.js';
import { operationCases, uniform } from './operations.js';

type DType = 'float32' | 'int32' | 'bool';

/** Runs a file in ONNX Runtime as it is outside of the engine. */
async function run(
  { bytes, outputs }: ExportedOnnx,
  inputs: Readonly<Record<string, tf.Tensor>>,
): Promise<Record<string, tf.Tensor>> {
  const session = await InferenceSession.create(bytes);
  const feeds = Object.entries(inputs).map(([name, tensor]) => {
    const values = tensor.dataSync<DType>();
    const data = tensor.dtype === 'float32' ? Float32Array.from(values) : values;
    return [name, new Tensor(tensor.dtype as DType, data as Float32Array, tensor.shape)] as const;
  });
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return Object.fromEntries(
    outputs.map(({ name, dtype }) => {
      const { data, dims } = results[name]!;
      return [name, tf.tensor(data as Float32Array, [...dims], dtype)];
    }),
  );
}

const isStandard = ({ bytes }: ExportedOnnx): boolean => !Buffer.from(bytes).includes('com.microsoft');

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

describe('exportOnnx', () => {
  it.each(operationCases.map((operation) => [operation.name, operation] as const))(
    'writes %s with operators of the standard alone',
    async (_, operation) => {
      const tensors = operation.inputs();
      const named = Object.fromEntries(tensors.map((tensor, index) => [`x${index}`, tensor]));
      const types = tensors.map(({ shape, dtype }, index) => [`x${index}`, { shape, dtype: dtype as DType }] as const);
      const eager = tf.tidy(() => [operation.run(...tensors)].flat());
      const file = await exportOnnx(
        (inputs) => {
          const results = [operation.run(...tensors.map((__, index) => inputs[`x${index}`]!))].flat();
          return Object.fromEntries(results.map((result, index) => [`y${index}`, result]));
        },
        { inputs: Object.fromEntries(types) },
      );
      expect(isStandard(file)).toBe(true);
      const results = await run(file, named);
      eager.forEach((expected, index) => {
        expect(results[`y${index}`]!.dtype).toBe(expected.dtype);
        expect(results[`y${index}`]).toBeAllClose(expected, { rtol: 1e-5, atol: 1e-5 });
      });
    },
  );

  describe('of a small attention over images', () => {
    const variables = new Map([
      ['first.token', tf.variable(uniform([1, 8]))],
      ['query.weight', tf.variable(uniform([8, 8]))],
      ['query.bias', tf.variable(uniform([8]))],
    ]);
    const attend = (x: tf.Tensor): tf.Tensor => {
      const [token, weight, bias] = [...variables.values()] as tf.Tensor[] as [tf.Tensor, tf.Tensor, tf.Tensor];
      const [batch, count] = x.shape as [number, number];
      const row = tf.tile(tf.reshape(token, [1, 1, 8]), [batch, 1, 1]);
      const joined = tf.concat([row, x], 1); // [B, N + 1, 8]
      const flat = tf.reshape(joined, [batch * (count + 1), 8]);
      const heads = tf.reshape(tf.add(tf.matMul(flat as tf.Tensor2D, weight as tf.Tensor2D), bias), [
        batch,
        count + 1,
        2,
        4,
      ]);
      const queries = tf.transpose(heads, [0, 2, 1, 3]);
      const scores = tf.mul(tf.matMul(queries, queries, false, true), 0.5); // [B, 2, N + 1, N + 1]
      const seen = tf.matMul(tf.softmax(scores), queries);
      return tf.reshape(tf.transpose(seen, [0, 2, 1, 3]), [batch, count + 1, 8]);
    };
    const inputs = { x: { shape: ['batch', 3, 8], dtype: 'float32' } } as const;
    const exported = (weights: 'float32' | 'float16' = 'float32'): Promise<ExportedOnnx> =>
      exportOnnx(
        ({ x }) => {
          const y = attend(x);
          return { y, rows: tf.reshape(y, [-1, 8]), largest: tf.argMax(y, 2) };
        },
        { inputs, variables, weights, metadata: { made: 'for a test' } },
      );

    it('takes any batch', async () => {
      const file = await exported();
      expect(file.outputs.map(({ name, shape }) => [name, ...shape])).toEqual([
        ['y', 'batch', 4, 8],
        ['rows', '4*batch', 8],
        ['largest', 'batch', 4],
      ]);
      for (const batch of [1, 2, 5]) {
        const x = uniform([batch, 3, 8]);
        const { y, rows, largest } = await run(file, { x });
        const expected = attend(x);
        expect(y).toBeAllClose(expected, { rtol: 1e-5, atol: 1e-6 });
        expect(rows!.shape).toEqual([4 * batch, 8]);
        expect(largest!.dataSync()).toEqual(tf.argMax(expected, 2).dataSync());
      }
    });

    it('names weights as the model does, and keeps notes', async () => {
      const text = Buffer.from((await exported()).bytes);
      for (const part of [...variables.keys(), 'made', 'for a test', 'batch']) expect(text.includes(part)).toBe(true);
    });

    it('stores matrices in half precision where asked, and computes in single', async () => {
      const [whole, half] = [await exported(), await exported('float16')];
      expect(whole.bytes.length - half.bytes.length).toBeGreaterThan(0);
      const x = uniform([2, 3, 8]);
      const expected = attend(x);
      const { y } = await run(half, { x });
      expect(y!.dtype).toBe('float32');
      expect(y).toBeAllClose(expected, { rtol: 0, atol: 1e-2 });
      expect(y).not.toBeAllClose(expected, { rtol: 0, atol: 1e-6 });
    });

    it('leaves no tensors behind', async () => {
      const before = tf.memory().numTensors;
      await exported();
      expect(tf.memory().numTensors).toBe(before);
    });
  });

  it('keeps an input that nothing reads, and tensors from outside', async () => {
    const outside = tf.tensor1d([1, 2, 3]);
    const file = await exportOnnx(({ x }) => ({ sum: tf.add(x, outside) }), {
      inputs: { x: { shape: [3], dtype: 'float32' }, unread: { shape: ['batch'], dtype: 'int32' } },
    });
    const { sum } = await run(file, { x: tf.tensor1d([1, 1, 1]), unread: tf.tensor1d([0, 0], 'int32') });
    expect(sum).toBeAllClose([2, 3, 4], { rtol: 0, atol: 0 });
  });

  const pair = { x: { shape: ['batch', 2], dtype: 'float32' } } as const;

  it.each([
    ['a mean over the batch', ({ x }: { x: tf.Tensor }) => ({ y: tf.mean(x, 0) })],
    ['a number of each example', ({ x }: { x: tf.Tensor }) => ({ y: tf.add(x, tf.range(0, x.size).reshape(x.shape)) })],
    ['one example of many', ({ x }: { x: tf.Tensor }) => ({ y: tf.slice(x, [Number(x.shape[0]) - 1, 0], [1, 2]) })],
  ])('refuses %s', async (_, fn) => {
    await expect(exportOnnx(fn, { name: 'f', inputs: pair })).rejects.toThrow(
      /^f: expected a function that does the same for every batch size, got one that depends on it in /,
    );
  });

  it('refuses pairs of examples, a batch that is not first, state, and weights beyond half precision', async () => {
    await expect(
      exportOnnx(
        ({ x }) => {
          const pairs = tf.add(tf.expandDims(x, 0), tf.expandDims(x, 1)); // [B, B, 2]
          return { y: tf.reshape(pairs, [Number(x.shape[0]), -1]) };
        },
        { inputs: pair },
      ),
    ).rejects.toThrow('shapes with the batch in one axis at most');
    await expect(
      exportOnnx(({ x }) => ({ y: x }), { inputs: { x: { shape: [2, 'batch'], dtype: 'float32' } } }),
    ).rejects.toThrow("input x: expected 'batch' as the first size only, got [2, batch]");
    const variable = tf.variable(tf.tensor2d([[1e5]]));
    await expect(
      exportOnnx(
        ({ x }) => {
          variable.assign(tf.mul(variable, 2));
          return { y: x };
        },
        { inputs: pair },
      ),
    ).rejects.toThrow('a function that assigns no variable');
    await expect(
      exportOnnx(({ x }) => ({ y: tf.mul(x, variable) }), {
        inputs: pair,
        weights: 'float16',
        variables: new Map([['big', variable]]),
      }),
    ).rejects.toThrow('expected weights that float16 can hold, below 65520, got 100000 in big');
    await expect(exportOnnx(({ x }) => ({ x }), { inputs: pair })).rejects.toThrow('"x" twice');
  });
});

describe('toFloat16', () => {
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [65504, 0x7bff],
    [65519, 0x7bff],
    [65520, 0x7c00],
    [-1e9, 0xfc00],
    [2 ** -14, 0x0400],
    [2 ** -24, 0x0001],
    [2 ** -25, 0x0000],
    [2 ** -25 * 1.0001, 0x0001],
    [2 ** -14 - 2 ** -25, 0x0400],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [1 + 2 ** -11 + 2 ** -20, 0x3c01],
    [2 - 2 ** -12, 0x4000],
    [Infinity, 0x7c00],
    [NaN, 0x7e00],
  ])('%d', (value, bits) => {
    expect(toFloat16(Float32Array.of(value))[0]).toBe(bits);
  });
});
