import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { LayerNorm } from '../src/index.js';
import { describe, expect, it } from 'vitest';
import { normal, shake } from './helpers.js';

describe('LayerNorm', () => {
  it('normalises rows by their mean and biased variance', () => {
    const norm = new LayerNorm({ dim: 4, epsilon: 0 });
    const scale = 1 / Math.sqrt(1.25); // variance of 1, 2, 3, 4
    expect(norm.apply(tf.tensor2d([1, 2, 3, 4], [1, 4]))).toBeAllClose([
      [-1.5 * scale, -0.5 * scale, 0.5 * scale, 1.5 * scale],
    ]);
    norm.scale.assign(tf.tensor1d([1, 2, 3, 4]));
    norm.bias.assign(tf.tensor1d([10, 20, 30, 40]));
    expect(norm.apply(tf.tensor2d([1, 2, 3, 4], [1, 4]))).toBeAllClose([
      [10 - 1.5 * scale, 20 - scale, 30 + 1.5 * scale, 40 + 6 * scale],
    ]);
    norm.dispose();
  });

  it('keeps constant rows finite', () => {
    const norm = new LayerNorm({ dim: 4 });
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => tf.sum(norm.apply(x)))(tf.fill([2, 4], 7));
    expect(value).toBeAllClose(0);
    expect(grad).toBeAllClose(new Float32Array(8));
    norm.dispose();
  });

  it.each([[[6, 5]], [[2, 3, 5]]])('has the right gradients for %j', (shape) => {
    const norm = new LayerNorm({ dim: 5 });
    shake(norm);
    expectGradientsMatchFiniteDifferences((x) => norm.apply(x), [normal(shape, 4)], {
      variables: norm.namedVariables(),
    });
    norm.dispose();
  });

  it('refuses another width', () => {
    const norm = new LayerNorm({ dim: 4 });
    expect(() => norm.apply(tf.ones([2, 5]))).toThrow('LayerNorm.apply: expected last axis 4 (dim), got [2, 5].');
    expect(() => new LayerNorm({ dim: 4, epsilon: -1 })).toThrow('epsilon');
    norm.dispose();
  });

  it('leaves no tensors behind, forward and backward', () => {
    const norm = new LayerNorm({ dim: 4 });
    const x = normal([3, 4], 1);
    expectNoTensorLeak(() => norm.apply(x).dispose());
    expectNoTensorLeak(() => {
      const { value, grads } = tf.variableGrads(() => tf.sum(norm.apply(x)));
      tf.dispose([value, grads]);
    });
    tf.dispose(x);
    norm.dispose();
  });
});
