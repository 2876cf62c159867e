import * as tf from '@tensorflow/tfjs';
import { ConfigError, ShapeError } from '@vitvq/core';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { GradientAccumulator, namedGradients } from '../src/index.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => {
  tf.engine().endScope();
  tf.disposeVariables();
});

const makeVariables = (): Map<string, tf.Variable> =>
  new Map<string, tf.Variable>([
    ['layer.weight', tf.variable(tf.tensor2d([[0.3], [-0.2]]))],
    ['layer.bias', tf.variable(tf.zeros([1]))],
  ]);

describe('GradientAccumulator', () => {
  it('gives the gradient of the whole batch, from its micro-batches', () => {
    const variables = makeVariables();
    const x = tf.tensor2d([1, 0, 0, 1, 1, 1, 2, -1, 0.5, 3, -2, 1], [6, 2]);
    const y = tf.tensor2d([3, 0, 2, 1, -1, 4], [6, 1]);
    const gradients = (begin: number, size: number): Map<string, tf.Tensor> =>
      namedGradients(() => {
        const prediction = tf.add(
          tf.matMul(tf.slice(x, begin, size), variables.get('layer.weight')!),
          variables.get('layer.bias')!,
        );
        return tf.mean<tf.Scalar>(tf.square(tf.sub(prediction, tf.slice(y, begin, size))));
      }, variables).gradients;
    const whole = gradients(0, 6);
    const accumulator = new GradientAccumulator(variables);
    for (let round = 0; round < 2; round++) {
      for (const begin of [0, 2, 4]) accumulator.add(gradients(begin, 2));
      const mean = accumulator.mean(3);
      expect([...mean.keys()]).toEqual(['layer.weight', 'layer.bias']);
      for (const [name, gradient] of whole) expect(mean.get(name)!).toBeAllClose(gradient);
      accumulator.clear();
    }
  });

  it('forgets at clear what was not finite', () => {
    const accumulator = new GradientAccumulator(new Map([['w', tf.variable(tf.ones([2]))]]));
    accumulator.add(new Map([['w', tf.tensor1d([NaN, Infinity])]]));
    accumulator.add(new Map([['w', tf.tensor1d([1, 1])]]));
    expect([...accumulator.mean(2).get('w')!.dataSync()]).toEqual([NaN, Infinity]);
    accumulator.clear();
    accumulator.add(new Map([['w', tf.tensor1d([1, 2])]]));
    expect(accumulator.mean(1).get('w')!).toBeAllClose([1, 2], { atol: 0 });
  });

  it('has sums by the names of the variables, which no optimizer may touch, and leaves no tensors behind', () => {
    const variables = makeVariables();
    const accumulator = new GradientAccumulator(variables);
    expect([...accumulator.namedVariables().keys()]).toEqual([...variables.keys()]);
    expect(accumulator.trainableVariables()).toEqual([]);
    expectNoTensorLeak(() => {
      accumulator.add(variables);
      tf.dispose([...accumulator.mean(2).values()]);
      accumulator.clear();
    });
    expectNoTensorLeak(() => new GradientAccumulator(variables).dispose());
  });

  it('refuses what does not fit, and changes nothing', () => {
    const variables = makeVariables();
    const accumulator = new GradientAccumulator(variables);
    const add = (): void => accumulator.add(new Map([['layer.weight', tf.ones([2, 1])]]));
    expect(add).toThrow(ShapeError);
    expect(add).toThrow(
      'GradientAccumulator.add: expected a gradient for each of 2 variables, got missing: layer.bias.',
    );
    expect(accumulator.mean(1).get('layer.weight')!).toBeAllClose([0, 0], { atol: 0 });
    for (const count of [0, 1.5]) expect(() => accumulator.mean(count)).toThrow(ConfigError);
    expect(() => new GradientAccumulator(new Map())).toThrow('expected float32 variables, got none.');
    const counts = new Map([['n', tf.variable(tf.scalar(0, 'int32'))]]);
    expect(() => new GradientAccumulator(counts)).toThrow('expected float32 variables, got n, int32.');
  });
});
