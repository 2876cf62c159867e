import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { ConfigError, ShapeError } from '@vitvq/core';
import { normal, shake } from '@vitvq/test-models';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { RMSNorm } from '../src/index.js';

describe('RMSNorm', () => {
  it('divides by the root of the mean square, and scales', () => {
    const norm = new RMSNorm({ dim: 2, epsilon: 0 });
    expect([...norm.namedVariables().keys()]).toEqual(['scale']);
    norm.scale.assign(tf.tensor1d([1, 2]));
    const root = Math.sqrt((9 + 16) / 2);
    expect(norm.apply(tf.tensor2d([[3, 4]]))).toBeAllClose([[3 / root, 8 / root]]);
    expect(norm.apply(tf.tensor3d([3, 4], [1, 1, 2])).shape).toEqual([1, 1, 2]);
  });

  it('takes rows of zeros', () => {
    expect(new RMSNorm({ dim: 3 }).apply(tf.zeros([2, 3]))).toBeAllClose(tf.zeros([2, 3]));
  });

  it('has the right gradients', () => {
    const norm = shake(new RMSNorm({ dim: 5 }));
    expectGradientsMatchFiniteDifferences((x) => norm.apply(x), [normal([2, 3, 5], 1)], {
      variables: norm.namedVariables(),
    });
  });

  it('refuses inputs of another width, and an epsilon below 0', () => {
    expect(() => new RMSNorm({ dim: 3 }).apply(tf.zeros([2, 4]))).toThrow(ShapeError);
    expect(() => new RMSNorm({ dim: 3 }).apply(tf.zeros([2, 4]))).toThrow('RMSNorm.apply: expected last axis 3 (dim)');
    expect(() => new RMSNorm({ dim: 3, epsilon: -1 })).toThrow(ConfigError);
  });

  it('leaves no tensors behind', () => {
    const norm = new RMSNorm({ dim: 3 });
    const x = tf.ones([2, 3]);
    expectNoTensorLeak(() => norm.apply(x).dispose());
  });
});
