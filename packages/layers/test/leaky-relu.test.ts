import * as tf from '@tensorflow/tfjs-core';
import '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fusedLeakyRelu, leakyRelu } from '../src/index.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

describe('leakyRelu', () => {
  it('has the values and slopes of the definition', () => {
    const x = tf.tensor1d([-2, 0, 3]);
    expect(leakyRelu(x, 0.1)).toBeAllClose([-0.2, 0, 3]);
    expect(tf.grad((v) => leakyRelu(v, 0.1))(x)).toBeAllClose([0.1, 0.1, 1]);
    expect(fusedLeakyRelu(x, tf.tensor1d([0, -1, 1]))).toBeAllClose([-0.4, -0.2, 4].map((v) => v * Math.SQRT2));
    expect(fusedLeakyRelu(x)).toBeAllClose([-0.4, 0, 3].map((v) => v * Math.SQRT2));
  });

  it('can be differentiated twice', () => {
    const x = tf.tensor1d([-2, 3]);
    const second = tf.grad(tf.grad((v) => tf.square(leakyRelu(v, 0.5))))(x);
    expect(second).toBeAllClose([0.5, 2]);
  });
});
