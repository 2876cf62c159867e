import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { recompute } from '../src/index.js';

const x = (): tf.Tensor1D => tf.tensor1d([0.5, -1, 2]);

describe('recompute', () => {
  it('runs the function once for its value and once more for its gradient', () => {
    let runs = 0;
    const square = (input: tf.Tensor): tf.Tensor => {
      runs++;
      return tf.square(input);
    };
    expect(recompute(square, [x()], [])).toBeAllClose([0.25, 1, 4]);
    expect(runs).toBe(1);
    expect(tf.grad((input) => recompute(square, [input], []))(x())).toBeAllClose([1, -2, 4]);
    expect(runs).toBe(3);
  });

  it('has the gradients of the function, towards inputs and variables, one within the other', () => {
    const weight = tf.variable(tf.tensor1d([2, -1, 0.5]));
    const inner = (h: tf.Tensor): tf.Tensor => recompute((each) => tf.tanh(tf.mul(each, weight)), [h], [weight]);
    const outer = (h: tf.Tensor, scale: tf.Tensor): tf.Tensor =>
      recompute((a, b) => tf.mul(inner(tf.sin(a)), b), [h, scale], [weight]);
    const plain = (h: tf.Tensor, scale: tf.Tensor): tf.Tensor => tf.mul(tf.tanh(tf.mul(tf.sin(h), weight)), scale);
    const gradients = (f: typeof plain): tf.Tensor[] => {
      const scale = tf.tensor1d([1, 3, -2]);
      const { grads } = tf.variableGrads(() => tf.sum<tf.Scalar>(f(x(), scale)), [weight]);
      return [...tf.grads((h, s) => f(h, s))([x(), scale]), grads[weight.name]!];
    };
    const expected = gradients(plain);
    gradients(outer).forEach((gradient, index) =>
      expect(gradient).toBeAllClose(expected[index]!, { rtol: 0, atol: 0 }),
    );
    expectGradientsMatchFiniteDifferences((h) => tf.sum(outer(h!, tf.ones([3]))), [x()]);
  });

  it('gives zeros to what the function does not depend on', () => {
    const unused = tf.variable(tf.scalar(3));
    const { grads } = tf.variableGrads(
      () => tf.sum<tf.Scalar>(tf.add(recompute(tf.square, [x()], [unused]), unused)),
      [unused],
    );
    expect(grads[unused.name]!).toBeAllClose(3);
  });

  it('leaves no tensors behind', () => {
    expectNoTensorLeak(() => tf.tidy(() => void tf.grad((input) => recompute(tf.square, [input], []))(x())));
  });
});
