import * as tf from '@tensorflow/tfjs-core';
import { randomKey } from '@vitvq/core';
import '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ActNorm } from '../src/index.js';
import { normal } from './helpers.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());
const key = randomKey(1);

describe('ActNorm', () => {
  it('starts from the first training batch and stays', () => {
    const layer = new ActNorm({ features: 2, key });
    const x = tf.add(tf.mul(normal<tf.Rank.R4>([4, 3, 3, 2], 1), 3), 2);
    expect(layer.apply(x as tf.Tensor4D, { training: false })).toBeAllClose(x);
    const y = layer.apply(x as tf.Tensor4D, { training: true });
    const { mean, variance } = tf.moments(y, [0, 1, 2]);
    expect(mean).toBeAllClose([0, 0], { atol: 1e-5 });
    expect(variance).toBeAllClose([35 / 36, 35 / 36], { rtol: 1e-4 });
    const loc = layer.loc.dataSync().slice();
    layer.apply(normal<tf.Rank.R4>([1, 3, 3, 2], 2), { training: true });
    expect(layer.loc).toBeAllClose(loc, { atol: 0, rtol: 0 });
    expect(layer.initialized.dataSync()[0]).toBe(1);
    layer.dispose();
  });

  it('waits for a batch that is finite', () => {
    const layer = new ActNorm({ features: 2, key });
    const x = normal<tf.Rank.R4>([2, 3, 3, 2], 1);
    layer.apply(tf.mul(x, NaN), { training: true });
    expect(layer.loc).toBeAllClose([0, 0], { atol: 0 });
    expect(layer.scale).toBeAllClose([1, 1], { atol: 0, rtol: 0 });
    expect(layer.initialized.dataSync()[0]).toBe(0);
    expect(tf.mean(layer.apply(x, { training: true }), [0, 1, 2])).toBeAllClose([0, 0], { atol: 1e-5 });
    layer.dispose();
  });

  it('can be inverted and knows its determinant', () => {
    const layer = new ActNorm({ features: 2, key });
    layer.scale.assign(tf.tensor1d([2, -0.5]));
    layer.loc.assign(tf.tensor1d([1, 3]));
    const x = normal<tf.Rank.R4>([2, 3, 4, 2], 1);
    expect(layer.invert(layer.apply(x, { training: false }))).toBeAllClose(x, { atol: 1e-5 });
    expect(layer.logDeterminant(3, 4)).toBeAllClose(0);
    layer.scale.assign(tf.tensor1d([2, 2]));
    expect(layer.logDeterminant(3, 4)).toBeAllClose(24 * Math.log(2));
    layer.dispose();
  });
});
