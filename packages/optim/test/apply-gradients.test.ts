import * as tf from '@tensorflow/tfjs';
import { ConfigError, ShapeError } from '@vitvq/core';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdamW, applyGradients } from '../src/index.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => {
  tf.engine().endScope();
  tf.disposeVariables();
});

function setup() {
  const variables = new Map<string, tf.Variable>([
    ['a', tf.variable(tf.tensor1d([1, 2]))],
    ['b', tf.variable(tf.scalar(3))],
  ]);
  const optimizer = new AdamW([{ variables }]);
  const gradients = new Map<string, tf.Tensor>([
    ['a', tf.tensor1d([3, 0])],
    ['b', tf.scalar(-4)],
  ]);
  const snapshot = (): number[] =>
    [...variables.values(), ...optimizer.namedVariables().values()].flatMap((variable) => [...variable.dataSync()]);
  return { variables, optimizer, gradients, snapshot };
}

describe('applyGradients', () => {
  it.each([
    [null, 1],
    [10, 1],
    [1, 1 / 5],
  ])('gives the norms, and clips by %s', (clipNorm, scale) => {
    const { optimizer, gradients } = setup();
    const { gradientNorm, gradientNorms } = applyGradients({ optimizer, clipNorm }, gradients, tf.scalar(0.1));
    expect(gradientNorm).toBeAllClose(5);
    expect(gradientNorms).toBeAllClose([3, 4]);
    const moment = optimizer.namedVariables().get('firstMoment.b')!;
    expect(moment).toBeAllClose(0.1 * -4 * scale);
  });

  it.each([
    ['a gradient is NaN', NaN, 1],
    ['a gradient is infinite', -Infinity, 1],
    ['the norm overflows', 1e30, 1],
    ['the loss is NaN', -4, NaN],
    ['the loss is infinite', -4, Infinity],
  ])('leaves everything as it is where %s', (_, gradient, loss) => {
    for (const clipNorm of [null, 1]) {
      const { optimizer, gradients, snapshot } = setup();
      const before = snapshot();
      gradients.set('b', tf.scalar(gradient));
      applyGradients({ optimizer, clipNorm }, gradients, tf.scalar(0.1), { alsoFinite: tf.scalar(loss) });
      expect(snapshot()).toEqual(before);
    }
  });

  it('updates where the loss is finite', () => {
    const { variables, optimizer, gradients } = setup();
    applyGradients({ optimizer }, gradients, tf.scalar(0.1), { alsoFinite: tf.scalar(2) });
    expect(variables.get('b')!).toBeAllClose(3 * (1 - 1e-5) + 0.1);
  });

  it('leaves no tensors behind but its results', () => {
    const { optimizer, gradients } = setup();
    const [rate, loss] = [tf.scalar(0.1), tf.scalar(1)];
    expectNoTensorLeak(() => {
      tf.dispose(applyGradients({ optimizer, clipNorm: 1 }, gradients, rate, { alsoFinite: loss }));
    });
  });

  it('refuses what does not fit', () => {
    const { optimizer, gradients } = setup();
    const rate = tf.scalar(0.1);
    expect(() => applyGradients({ optimizer, clipNorm: 0 }, gradients, rate)).toThrow(ConfigError);
    const alsoFinite = tf.ones([2]) as unknown as tf.Scalar;
    expect(() => applyGradients({ optimizer }, gradients, rate, { alsoFinite })).toThrow(
      'applyGradients: expected shape [], got [2]. Give alsoFinite as a scalar tensor.',
    );
    gradients.delete('a');
    expect(() => applyGradients({ optimizer }, gradients, rate)).toThrow(ShapeError);
    gradients.clear();
    expect(() => applyGradients({ optimizer }, gradients, rate)).toThrow(
      'applyGradients: expected a gradient for each variable, got none.',
    );
  });
});
