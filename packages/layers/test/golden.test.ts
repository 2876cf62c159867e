import '@vitvq/test-utils';
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { randomKey, type HostTensor } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { MultiHeadAttention } from '../src/index.js';

/** Values of golden/swin.py, which says what each field is. */
interface Golden {
  readonly shape: [number, number, number];
  readonly grid: [number, number];
  readonly heads: number;
  readonly cases: readonly {
    readonly name: string;
    readonly window: [number, number];
    readonly shifted: boolean;
    readonly x: number[];
    readonly cotangent: number[];
    readonly weights: Readonly<Record<string, { readonly shape: number[]; readonly data: number[] }>>;
    readonly output: number[];
    readonly gradients: Readonly<Record<string, number[]>>;
  }[];
}

const { shape, grid, heads, cases } = JSON.parse(
  readFileSync(new URL('golden/swin.json', import.meta.url), 'utf8'),
) as Golden;

/** Names of torchvision's weights by ours. */
const names: Readonly<Record<string, string>> = {
  'qkv.weight': 'qkv.weight',
  'output.weight': 'proj.weight',
  'output.bias': 'proj.bias',
  'mechanism.bias': 'relative_position_bias_table',
};

/** Dense weights are `[out, in]` in PyTorch, and `[in, out]` here. */
const ours = (name: string, values: readonly number[], itsShape: number[]): tf.Tensor => {
  const tensor = tf.tensor([...values], itsShape);
  return name.endsWith('.weight') ? tf.transpose(tensor) : tensor;
};

describe('windowed attention gives what Swin in torchvision gives', () => {
  it.each(cases)('$name', ({ window, shifted, x, cotangent, weights, output, gradients }) => {
    const attention = new MultiHeadAttention({
      dim: shape[2],
      numHeads: heads,
      attention: { kind: 'windowed', window },
      grid,
      blockIndex: Number(shifted),
      key: randomKey(0),
    });
    const host = (
      { shape: itsShape, data }: HostTensor | { shape: number[]; data: number[] },
      name: string,
    ): HostTensor => {
      const tensor = ours(name, [...data], [...itsShape]);
      return { shape: tensor.shape, data: tensor.dataSync<'float32'>() };
    };
    const loaded = Object.entries(names).map(([name, theirs]) => [name, host(weights[theirs]!, name)] as const);
    attention.loadVariables(new Map(loaded));
    const tokens = tf.tensor3d(x, shape);
    expect(attention.apply(tokens)).toBeAllClose(tf.tensor3d(output, shape), { atol: 1e-5 });
    const variables = [...attention.namedVariables()];
    const { grads } = tf
      .engine()
      .gradients(
        () => tf.sum<tf.Scalar>(tf.mul(attention.apply(tokens), tf.tensor3d(cotangent, shape))),
        [tokens, ...variables.map(([, variable]) => variable)],
      );
    expect(grads[0]!).toBeAllClose(tf.tensor3d(gradients['x']!, shape), { atol: 1e-4 });
    variables.forEach(([name], index) => {
      const theirs = names[name]!;
      const expected = ours(name, gradients[theirs]!, weights[theirs]!.shape);
      expect(grads[index + 1]!, name).toBeAllClose(expected, { rtol: 1e-4, atol: 1e-4 });
    });
    attention.dispose();
  });
});
