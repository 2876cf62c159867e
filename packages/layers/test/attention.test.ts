import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { randomKey, type RecordingBackend } from '@vitvq/core';
import { MultiHeadAttention, scaledDotProductAttention } from '../src/index.js';
import { describe, expect, it } from 'vitest';
import { normal, shake } from './helpers.js';

type Shape4D = [number, number, number, number];

function plain(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, scale: number): tf.Tensor {
  return tf.matMul(tf.softmax(tf.mul(tf.matMul(q, k, false, true), scale)), v);
}

/** Few tokens keep the probabilities, more than 3 headDim compute them again. */
const variants: [string, Shape4D, boolean][] = [
  ['keeping the probabilities', [2, 2, 5, 3], false],
  ['computing them again', [2, 2, 10, 3], true],
];

describe('scaledDotProductAttention', () => {
  it('weighs values by the softmax of the scaled scores', () => {
    const q = tf.tensor4d([1, 0], [1, 1, 2, 1]);
    const k = tf.tensor4d([0, Math.log(3) / 2], [1, 1, 2, 1]);
    const v = tf.tensor4d([10, 20], [1, 1, 2, 1]);
    // Scores of the first query are 0 and log 3, of the second 0 and 0.
    expect(scaledDotProductAttention(q, k, v, 2)).toBeAllClose([[[[17.5], [15]]]]);
  });

  it.each(variants)('equals the composed operations, values and gradients, %s', (_name, shape) => {
    const [q, k, v, dy] = [1, 2, 3, 4].map((seed) => normal<tf.Rank.R4>(shape, seed));
    const ours = tf.grads((...x: tf.Tensor[]) =>
      scaledDotProductAttention(x[0] as tf.Tensor4D, x[1] as tf.Tensor4D, x[2] as tf.Tensor4D, 0.7),
    )([q!, k!, v!], dy);
    const composed = tf.grads((...x: tf.Tensor[]) => plain(x[0]!, x[1]!, x[2]!, 0.7))([q!, k!, v!], dy);
    expect(scaledDotProductAttention(q!, k!, v!, 0.7)).toBeAllClose(plain(q!, k!, v!, 0.7));
    ours.forEach((gradient, index) => expect(gradient).toBeAllClose(composed[index]!, { atol: 1e-5 }));
  });

  it.each(variants)('has the right gradients, %s', (_name, shape) => {
    expectGradientsMatchFiniteDifferences(
      (q, k, v) => scaledDotProductAttention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, 0.5),
      [1, 2, 3].map((seed) => normal(shape, seed)),
    );
  });

  it.each(variants)('is one composite forward and one backward, %s', (_name, shape, recompute) => {
    const seen: string[] = [];
    Object.assign(tf.backend(), {
      recordComposite: (name, attributes, operands, body) => {
        const results = body(...operands);
        seen.push(`${name} ${JSON.stringify(attributes)} ${operands.length} -> ${results.length}`);
        return results;
      },
    } satisfies Partial<RecordingBackend>);
    try {
      const [q, k, v] = [1, 2, 3].map((seed) => normal<tf.Rank.R4>(shape, seed));
      tf.grad((x: tf.Tensor) => scaledDotProductAttention(x as tf.Tensor4D, k!, v!, 0.5))(q!);
    } finally {
      Reflect.deleteProperty(tf.backend(), 'recordComposite');
    }
    const attributes = JSON.stringify({ scale: 0.5, recompute });
    expect(seen).toEqual(
      recompute
        ? [`attention ${attributes} 3 -> 1`, `attention_grad ${attributes} 5 -> 3`]
        : [`attention ${attributes} 3 -> 2`, `attention_grad ${attributes} 6 -> 3`],
    );
  });

  it('keeps large scores finite', () => {
    const q = normal<tf.Rank.R4>([1, 1, 4, 2], 1, 100);
    expect(scaledDotProductAttention(q, q, q, 1)).toBeAllClose(plain(q, q, q, 1));
  });

  it('refuses shapes that differ', () => {
    const q = normal<tf.Rank.R4>([1, 1, 4, 2], 1);
    expect(() => scaledDotProductAttention(q, q, normal<tf.Rank.R4>([1, 1, 5, 2], 1), 1)).toThrow(
      'scaledDotProductAttention: expected shape [1, 1, 4, 2], got [1, 1, 5, 2].',
    );
  });
});

describe('MultiHeadAttention', () => {
  it('splits the projection into queries, keys and values, head by head', () => {
    const [batch, tokens, dim, heads, headDim] = [2, 3, 6, 2, 4];
    const attention = new MultiHeadAttention({ dim, numHeads: heads, headDim, key: randomKey(1) });
    shake(attention);
    expect([...attention.namedVariables()].map(([name, { shape }]) => [name, shape])).toEqual([
      ['qkv.weight', [6, 24]],
      ['output.weight', [8, 6]],
      ['output.bias', [6]],
    ]);
    const variables = attention.namedVariables();
    const x = normal<tf.Rank.R3>([batch, tokens, dim], 5);
    const projected = tf.matMul(tf.reshape(x, [-1, dim]), variables.get('qkv.weight') as tf.Tensor2D);
    const [q, k, v] = tf.split(projected, 3, 1).map((part) => tf.reshape(part, [batch, tokens, heads, headDim]));
    const perHead = Array.from({ length: heads }, (_, head) => {
      const [a, b, c] = [q, k, v].map((part) =>
        tf.squeeze(tf.slice(part!, [0, 0, head, 0], [batch, tokens, 1, headDim]), [2]),
      );
      return plain(a!, b!, c!, 0.5);
    });
    const merged = tf.reshape<tf.Rank.R2>(tf.concat(perHead, 2), [-1, heads * headDim]);
    const expected = tf.add(
      tf.matMul(merged, variables.get('output.weight') as tf.Tensor2D),
      variables.get('output.bias')!,
    );
    expect(attention.apply(x)).toBeAllClose(tf.reshape(expected, [batch, tokens, dim]), { atol: 1e-5 });
    attention.dispose();
  });

  it('has the right gradients', () => {
    const attention = new MultiHeadAttention({ dim: 4, numHeads: 2, key: randomKey(1) });
    shake(attention);
    expectGradientsMatchFiniteDifferences((x) => attention.apply(x as tf.Tensor3D), [normal([2, 3, 4], 5)], {
      variables: attention.namedVariables(),
    });
    attention.dispose();
  });

  it('can do without the output projection', () => {
    const attention = new MultiHeadAttention({ dim: 4, numHeads: 1, useOutputProjection: false, key: randomKey(1) });
    expect([...attention.namedVariables().keys()]).toEqual(['qkv.weight']);
    expect(attention.apply(normal<tf.Rank.R3>([2, 3, 4], 5)).shape).toEqual([2, 3, 4]);
    attention.dispose();
    expect(
      () => new MultiHeadAttention({ dim: 4, numHeads: 1, headDim: 8, useOutputProjection: false, key: randomKey(1) }),
    ).toThrow('MultiHeadAttention: expected numHeads x headDim to equal dim 4 without an output projection, got 8.');
  });

  it('refuses sizes that do not fit', () => {
    expect(() => new MultiHeadAttention({ dim: 10, numHeads: 4, key: randomKey(1) })).toThrow(
      'MultiHeadAttention: expected dim to be a multiple of numHeads 4, got 10. Give headDim to choose another head width.',
    );
    const attention = new MultiHeadAttention({ dim: 4, numHeads: 2, key: randomKey(1) });
    expect(() => attention.apply(normal<tf.Rank.R3>([2, 3, 5], 5))).toThrow(
      'MultiHeadAttention.apply: expected shape [B, N, 4], got [2, 3, 5].',
    );
    attention.dispose();
  });

  it('leaves no tensors behind, forward and backward', () => {
    const attention = new MultiHeadAttention({ dim: 4, numHeads: 2, key: randomKey(1) });
    const x = normal<tf.Rank.R3>([2, 9, 4], 5);
    expectNoTensorLeak(() => attention.apply(x).dispose());
    expectNoTensorLeak(() => {
      const { value, grads } = tf.variableGrads(() => tf.sum(attention.apply(x)));
      tf.dispose([value, grads]);
    });
    tf.dispose(x);
    attention.dispose();
  });
});
