import { expectGradientsMatchFiniteDifferences } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { registerGradients } from '../src/gradients.js';
import { operationCases, uniform } from './operations.js';

beforeAll(registerGradients);

const named = (name: string) => operationCases.find((operation) => operation.name === name)!;

describe('gradients that we register', () => {
  it.each([
    'matMul, broadcast',
    'matMul, batch of 1',
    'matMul of transposes',
    'squaredDifference',
    'cumsum',
    'topk',
    'einsum',
    'einsum with batch',
    'einsum of one operand',
  ])('%s matches finite differences', (name) => {
    const { run, inputs } = named(name);
    expectGradientsMatchFiniteDifferences((...tensors) => run(...tensors), inputs());
  });
});

describe('second-order gradients of every operation', () => {
  it.each(
    operationCases
      .filter(({ differentiable, highestOrder = 2 }) => differentiable && highestOrder === 2)
      .map((operation) => [operation.name, operation] as const),
  )('%s match finite differences', (_, { inputs, run }) => {
    const gradient = (...xs: tf.Tensor[]): tf.Tensor[] =>
      tf.grads((...ys: tf.Tensor[]) => tf.addN([run(...ys)].flat().map((y) => tf.sum(tf.square(y)))))(xs);
    expectGradientsMatchFiniteDifferences(gradient, inputs(), { rtol: 1e-2, atol: 1e-2, elements: 4 });
  });
});

describe('second-order gradients', () => {
  /** The gradient of sum(f(x)^2) with respect to x, to be differentiated again. */
  const gradientOf = (f: (x: tf.Tensor) => tf.Tensor) => (x: tf.Tensor) =>
    tf.grad((input: tf.Tensor) => tf.sum(tf.square(f(input))))(x);

  const filter = tf.tidy(() => tf.keep(uniform([3, 3, 2, 3]))) as tf.Tensor4D;
  const cases: [string, number[], (x: tf.Tensor) => tf.Tensor][] = [
    ['leakyRelu', [3, 4], (x) => tf.leakyRelu(tf.mul(x, 3), 0.2)],
    ['where', [3, 4], (x) => tf.where(tf.greater(x, 0), tf.square(x), x)],
    ['matMul', [3, 4], (x) => tf.matMul(x, x, false, true)],
    ['conv2d', [1, 5, 5, 2], (x) => tf.conv2d(x as tf.Tensor4D, filter, 1, 'same')],
    ['conv2d, strided', [1, 5, 5, 2], (x) => tf.square(tf.conv2d(x as tf.Tensor4D, filter, 2, 'same'))],
  ];
  it.each(cases)('through %s match finite differences', (_, shape, f) => {
    expectGradientsMatchFiniteDifferences((x) => gradientOf(f)(x), [tf.add(uniform(shape), 0.05)], { rtol: 5e-3 });
  });

  it('reach the kernel of a convolution through the image gradient (as R1 needs)', () => {
    const image = uniform([1, 4, 4, 2]) as tf.Tensor4D;
    const penalty = (kernel: tf.Tensor) =>
      tf.sum(
        tf.square(
          tf.grad((x: tf.Tensor) => tf.sum(tf.square(tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, 1, 'same'))))(
            image,
          ),
        ),
      );
    expectGradientsMatchFiniteDifferences((kernel) => penalty(kernel), [tf.mul(uniform([3, 3, 2, 2]), 0.3)], {
      rtol: 5e-3,
    });
    expect(tf.getGradient('Conv2DBackpropFilter')).toBeDefined();
  });

  it('of the kernel gradient match finite differences', () => {
    const f = (x: tf.Tensor, dy: tf.Tensor) =>
      tf.grad((kernel: tf.Tensor) => tf.sum(tf.mul(tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, 2, 'same'), dy)))(
        filter,
      );
    expectGradientsMatchFiniteDifferences((x, dy) => f(x, dy), [uniform([1, 5, 4, 2]), uniform([1, 3, 2, 3])]);
  });
});
