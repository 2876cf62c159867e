import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { ConfigError, randomKey } from '@vitvq/core';
import { normal, shake } from '@vitvq/test-models';
import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import { AdaLNBlock, attentionMask, type AttentionPart } from '../src/index.js';

const options = { dim: 6, numHeads: 2, mlpDim: 10, key: randomKey(4) } as const;

describe('AdaLNBlock', () => {
  it('is the identity at first', () => {
    const x = normal<tf.Rank.R3>([2, 3, 6], 1);
    const { output } = new AdaLNBlock(options).apply(x, normal([2, 3, 6], 2), attentionMask(3));
    expect(output).toBeAllClose(x, { atol: 0 });
  });

  it('adds gate · attention(norm(x) (1 + scale) + shift)', () => {
    const block = new AdaLNBlock({ ...options, dim: 2, numHeads: 1, mlpDim: 2 });
    const named = block.namedVariables();
    // The modulation is its bias: shift, scale and gate of the attention; the rest adds nothing.
    named.get('modulation.bias')!.assign(tf.tensor1d([0.5, 0.25, 1, 2, 10, 100, ...new Array<number>(6).fill(0)]));
    for (const name of ['value', 'output']) named.get(`attention.${name}.weight`)!.assign(tf.eye(2));
    // The norm makes [1, -1] of it.
    const { output } = block.apply(tf.tensor3d([4, 2], [1, 1, 2]), tf.zeros([1, 1, 2]), attentionMask(1));
    expect(output).toBeAllClose([[[4 + 10 * (1 * (1 + 1) + 0.5), 2 + 100 * (-1 * (1 + 2) + 0.25)]]], { rtol: 1e-5 });
  });

  it('gives the same token by token', () => {
    const block = shake(new AdaLNBlock(options));
    const [x, condition] = [normal<tf.Rank.R3>([2, 4, 6], 1), normal<tf.Rank.R3>([2, 4, 6], 2)];
    const { output } = block.apply(x, condition, attentionMask(4));
    const at = (of: tf.Tensor, index: number): tf.Tensor2D =>
      tf.reshape(tf.slice(of, [0, index, 0], [2, 1, 6]), [2, 6]);
    const parts: AttentionPart[] = [];
    for (let index = 0; index < 4; index++) {
      const step = block.decodeStep(at(x, index), at(condition, index), (keys, values) => {
        parts.push({ keys, values });
        return parts;
      });
      expect(step).toBeAllClose(at(output, index), { atol: 1e-5 });
    }
  });

  it('has the right gradients, for inputs and variables', () => {
    const block = shake(new AdaLNBlock(options));
    expectGradientsMatchFiniteDifferences(
      (x, condition) => block.apply(x as tf.Tensor3D, condition as tf.Tensor3D, attentionMask(3)).output,
      [normal([1, 3, 6], 3), normal([1, 3, 6], 4)],
      { variables: block.namedVariables(), elements: 4, step: 0.005, atol: 2e-3, rtol: 5e-3 },
    );
  });

  it('refuses sizes that make no sense', () => {
    expect(() => new AdaLNBlock({ ...options, numHeads: 4 })).toThrow(ConfigError);
    expect(() => new AdaLNBlock({ ...options, mlpDim: 0 })).toThrow(/mlpDim/);
  });
});
