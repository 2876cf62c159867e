import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { modelAxisOf, randomKey, ShapeError, torchLinearInitializer } from '@vitvq/core';
import { Linear } from '../src/index.js';
import { describe, expect, it } from 'vitest';
import { normal, shake } from './helpers.js';

describe('Linear', () => {
  it('multiplies by [in, out] and adds the bias', () => {
    const linear = new Linear({ inFeatures: 2, outFeatures: 3, key: randomKey(0) });
    linear.weight.assign(tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]));
    linear.bias!.assign(tf.tensor1d([0.5, 0, -1]));
    expect(linear.apply(tf.tensor2d([1, 10], [1, 2]))).toBeAllClose([[41.5, 52, 62]]);
    linear.dispose();
  });

  it('says which features may lie on several devices', () => {
    const size = { inFeatures: 4, outFeatures: 6, key: randomKey(0) };
    const axesOf = ({ weight, bias }: Linear): unknown[] => [modelAxisOf(weight), bias && modelAxisOf(bias)];
    const [first, second, plain] = [
      new Linear({ ...size, shard: 'outputs' }),
      new Linear({ ...size, shard: 'inputs' }),
      new Linear(size),
    ];
    expect([axesOf(first), axesOf(second), axesOf(plain)]).toEqual([
      [1, 0],
      [0, undefined],
      [undefined, undefined],
    ]);
    [first, second, plain].forEach((each) => each.dispose());
  });

  it('keeps leading axes', () => {
    const linear = new Linear({ inFeatures: 4, outFeatures: 3, key: randomKey(0) });
    const x = normal<tf.Rank.R4>([2, 3, 5, 4], 1);
    const y = linear.apply(x);
    expect(y.shape).toEqual([2, 3, 5, 3]);
    expect(tf.reshape(y, [30, 3])).toBeAllClose(linear.apply(tf.reshape(x, [30, 4])));
    expect(linear.apply(tf.ones<tf.Rank.R1>([4])).shape).toEqual([3]);
    linear.dispose();
  });

  it('names its variables and draws them as told', () => {
    const bound = 1 / Math.sqrt(16);
    const options = { inFeatures: 16, outFeatures: 50, key: randomKey(3) };
    const plain = new Linear(options);
    expect([...plain.namedVariables().keys()]).toEqual(['weight', 'bias']);
    expect(plain.bias).toBeAllClose(new Float32Array(50));
    expect(tf.max(tf.abs(plain.weight)).dataSync()[0]).toBeLessThan(Math.sqrt(6 / 66));
    const torch = new Linear({
      ...options,
      initializer: torchLinearInitializer(16),
      biasInitializer: torchLinearInitializer(16),
    });
    for (const variable of torch.trainableVariables()) {
      const largest = tf.max(tf.abs(variable)).dataSync()[0]!;
      expect(largest).toBeLessThanOrEqual(bound);
      expect(largest).toBeGreaterThan(0.9 * bound);
    }
    const noBias = new Linear({ ...options, useBias: false });
    expect([...noBias.namedVariables().keys()]).toEqual(['weight']);
    for (const linear of [plain, torch, noBias]) linear.dispose();
  });

  it('has the right gradients', () => {
    const linear = new Linear({ inFeatures: 3, outFeatures: 4, key: randomKey(0) });
    shake(linear);
    expectGradientsMatchFiniteDifferences((x) => linear.apply(x), [normal([2, 5, 3], 2)], {
      variables: linear.namedVariables(),
    });
    linear.dispose();
  });

  it('refuses another width', () => {
    const linear = new Linear({ inFeatures: 4, outFeatures: 3, key: randomKey(0) });
    expect(() => linear.apply(tf.ones([2, 5]))).toThrow(ShapeError);
    expect(() => linear.apply(tf.ones([2, 5]))).toThrow('Linear.apply: expected last axis 4 (inFeatures), got [2, 5].');
    expect(() => linear.apply(tf.scalar(1))).toThrow(ShapeError);
    expect(() => new Linear({ inFeatures: 0, outFeatures: 3, key: randomKey(0) })).toThrow('inFeatures');
    linear.dispose();
  });

  it('leaves no tensors behind', () => {
    const x = normal([2, 5, 4], 1);
    expectNoTensorLeak(() => {
      const linear = new Linear({ inFeatures: 4, outFeatures: 3, key: randomKey(0) });
      linear.apply(x).dispose();
      linear.dispose();
    });
  });
});
