import * as tf from '@tensorflow/tfjs';
import { ConfigError } from '@vitvq/core';
import { expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EMA } from '../src/index.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => {
  tf.engine().endScope();
  tf.disposeVariables();
});

describe('EMA', () => {
  it('begins as the weights are and follows them', () => {
    const w = tf.variable(tf.tensor1d([1, 2]));
    const moving = new EMA(new Map([['x.w', w]]), { decay: 0.75, warmUp: false });
    const average = moving.namedVariables().get('average.x.w')!;
    expect(average).toBeAllClose([1, 2], { atol: 0 });
    w.assign(tf.tensor1d([5, -2]));
    expect(average).toBeAllClose([1, 2], { atol: 0 });
    moving.update();
    expect(average).toBeAllClose([2, 1]);
    moving.update();
    expect(average).toBeAllClose([2.75, 0.25]);
    expect(w).toBeAllClose([5, -2], { atol: 0 });
    expect(moving.namedVariables().get('updates')!.dataSync()[0]).toBe(2);
    expect([...moving.namedVariables().keys()]).toEqual(['updates', 'average.x.w']);
    expect(moving.trainableVariables()).toEqual([]);
  });

  it('begins with a short memory unless told otherwise', () => {
    const w = tf.variable(tf.scalar(0));
    const moving = new EMA(new Map([['w', w]]), { decay: 0.2 });
    w.assign(tf.scalar(1));
    let expected = 0;
    for (const decay of [1 / 10, 2 / 11, 0.2, 0.2]) {
      moving.update();
      expected = decay * expected + (1 - decay);
      expect(moving.namedVariables().get('average.w')!).toBeAllClose(expected);
    }
  });

  it('exchanges weights and averages; twice is as before, to the last bit', () => {
    const [a, b] = [tf.variable(tf.tensor1d([0.1, 0.2])), tf.variable(tf.scalar(0.3))];
    const moving = new EMA(new Map<string, tf.Variable>([['a', a], ['b', b]])); // prettier-ignore
    a.assign(tf.tensor1d([0.7, -0]));
    b.assign(tf.scalar(1 / 3));
    moving.update();
    const all = [a, b, ...moving.namedVariables().values()];
    const values = (): number[][] => all.map((variable) => [...variable.dataSync()]);
    const [weights, averages] = [values().slice(0, 2), values().slice(3)];
    const before = values();
    moving.swap();
    expect(moving.swapped).toBe(true);
    expect(values().slice(0, 2)).toEqual(averages);
    expect(values().slice(3)).toEqual(weights);
    expect(() => moving.update()).toThrow(ConfigError);
    expect(() => moving.update()).toThrow('EMA.update: expected the model to hold its own weights');
    moving.swap();
    expect(moving.swapped).toBe(false);
    expect(values()).toEqual(before);
    moving.update();
  });

  it('leaves no tensors behind, and disposes of the averages but not of the weights', () => {
    const w = tf.variable(tf.ones([3]));
    const named = new Map([['w', w]]);
    const moving = new EMA(named);
    expectNoTensorLeak(() => moving.update());
    expectNoTensorLeak(() => moving.swap());
    expectNoTensorLeak(() => new EMA(named).dispose());
    moving.swap();
    moving.swap();
    moving.dispose();
    expect(w).toBeAllClose([1, 1, 1], { atol: 0 });
  });

  it('refuses what cannot be averaged', () => {
    const named = new Map([['w', tf.variable(tf.ones([3]))]]);
    for (const decay of [-0.1, 1.1, NaN]) {
      expect(() => new EMA(named, { decay })).toThrow(
        `EMA: expected decay to be a finite number within [0, 1], got ${decay}.`,
      );
    }
    expect(() => new EMA(new Map())).toThrow('EMA: expected float32 variables, got none.');
    const counts = new Map([['n', tf.variable(tf.scalar(0, 'int32'))]]);
    expect(() => new EMA(counts)).toThrow(
      'EMA: expected float32 variables, got n, int32. Take them from namedTrainableVariables().',
    );
  });
});
