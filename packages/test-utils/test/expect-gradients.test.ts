import * as tf from '@tensorflow/tfjs-core';
import { randomKey, randomNormal } from '@vitvq/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { expectGradientsMatchFiniteDifferences } from '../src/index.js';

describe('expectGradientsMatchFiniteDifferences', () => {
  beforeEach(() => tf.engine().startScope());
  afterEach(() => tf.engine().endScope());
  const noise = (seed: number, ...shape: number[]): tf.Tensor =>
    tf.tensor(
      randomNormal(
        randomKey(seed),
        shape.reduce((a, b) => a * b, 1),
      ),
      shape,
    );
  const gradientOfSquare = (factor: number) =>
    tf.customGrad((x, save) => {
      (save as tf.GradSaveFunc)([x as tf.Tensor]);
      return {
        value: tf.square(x as tf.Tensor),
        gradFunc: (dy: tf.Tensor, [saved]: tf.Tensor[]) => tf.mul(dy, tf.mul(saved!, factor)),
      };
    });

  it('passes for right gradients of several inputs, outputs and variables', () => {
    const bias = tf.variable(noise(3, 4));
    expectGradientsMatchFiniteDifferences(
      (x, w) => {
        const y = tf.add(tf.matMul(x, w), bias);
        return [tf.tanh(y), tf.softmax(y)];
      },
      [noise(1, 5, 3), noise(2, 3, 4)],
      { variables: new Map([['bias', bias]]) },
    );
    expect(bias).toBeAllClose(noise(3, 4), { rtol: 0, atol: 0 });
    bias.dispose();
  });

  it('passes for a right custom gradient and refuses one that is 1 % off', () => {
    expectGradientsMatchFiniteDifferences((x) => gradientOfSquare(2)(x), [noise(1, 6)]);
    expect(() => expectGradientsMatchFiniteDifferences((x) => gradientOfSquare(2.02)(x), [noise(1, 6)])).toThrow(
      /gradient of input 0 \[6\], element \d+: .*, but finite differences give/,
    );
  });

  it('refuses a gradient that is missing', () => {
    const variable = tf.variable(noise(1, 3));
    expect(() =>
      expectGradientsMatchFiniteDifferences((x) => tf.mul(x, tf.tensor(variable.dataSync())), [noise(4, 3)], {
        variables: new Map([['scale', variable]]),
      }),
    ).toThrow('gradient of scale [3]');
    variable.dispose();
  });

  it('leaves no tensors behind', () => {
    const x = noise(1, 4);
    const before = tf.memory().numTensors;
    expectGradientsMatchFiniteDifferences((value) => tf.exp(value), [x]);
    expect(tf.memory().numTensors).toBe(before);
  });
});
