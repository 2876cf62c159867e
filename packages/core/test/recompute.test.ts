import '@tensorflow/tfjs';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { recompute } from '../src/index.js';

/** test-utils builds on this package, so that its matchers cannot be used here. */
const values = (tensor: tf.Tensor): number[] => [...tensor.dataSync()];
const x = (): tf.Tensor1D => tf.tensor1d([0.5, -1, 2]);

describe('recompute', () => {
  it('runs the function once for its value and once more for its gradient', () => {
    let runs = 0;
    const square = (input: tf.Tensor): tf.Tensor => {
      runs++;
      return tf.square(input);
    };
    expect(values(recompute(square, [x()], []))).toEqual([0.25, 1, 4]);
    expect(runs).toBe(1);
    expect(values(tf.grad((input) => recompute(square, [input], []))(x()))).toEqual([1, -2, 4]);
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
    expect(gradients(outer).map(values)).toEqual(expected.map(values));
  });

  it('gives zeros to what the function does not depend on', () => {
    const unused = tf.variable(tf.scalar(3));
    const { grads } = tf.variableGrads(
      () => tf.sum<tf.Scalar>(tf.add(recompute(tf.square, [x()], [unused]), unused)),
      [unused],
    );
    expect(values(grads[unused.name]!)).toEqual([3]);
  });

  it('leaves no tensors behind', () => {
    const before = tf.memory();
    tf.tidy(() => void tf.grad((input) => recompute(tf.square, [input], []))(x()));
    expect(tf.memory()).toEqual(before);
  });
});
