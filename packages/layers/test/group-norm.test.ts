import * as tf from '@tensorflow/tfjs-core';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { GroupNorm } from '../src/index.js';
import { describe, expect, it } from 'vitest';
import { normal, shake } from './helpers.js';

describe('GroupNorm', () => {
  it('normalises neighbouring channels together over all pixels of an image', () => {
    const norm = new GroupNorm({ channels: 4, numGroups: 2, epsilon: 0 });
    // Two pixels; first group 1, 2 and 3, 4 (mean 2.5, variance 1.25), second group 10, 10 and 14,
    // 14 (mean 12, variance 4).
    const x = tf.tensor4d([1, 2, 10, 10, 3, 4, 14, 14], [1, 1, 2, 4]);
    const unit = 1 / Math.sqrt(1.25);
    expect(norm.apply(x)).toBeAllClose([
      [
        [
          [-1.5 * unit, -0.5 * unit, -1, -1],
          [0.5 * unit, 1.5 * unit, 1, 1],
        ],
      ],
    ]);
    norm.scale.assign(tf.tensor1d([1, 2, 3, 4]));
    norm.bias.assign(tf.tensor1d([0, 0, 0, 5]));
    expect(norm.apply(x)).toBeAllClose([
      [
        [
          [-1.5 * unit, -unit, -3, 1],
          [0.5 * unit, 3 * unit, 3, 9],
        ],
      ],
    ]);
  });

  it('does not let images of a batch know each other', () => {
    const norm = new GroupNorm({ channels: 4, numGroups: 2 });
    const [a, b] = [normal<tf.Rank.R4>([1, 2, 3, 4], 1), normal<tf.Rank.R4>([1, 2, 3, 4], 2, 5)];
    const together = norm.apply(tf.concat([a, b], 0));
    expect(together).toBeAllClose(tf.concat([norm.apply(a), norm.apply(b)], 0));
  });

  it('has the right gradients, and keeps no tensor', () => {
    const norm = new GroupNorm({ channels: 6, numGroups: 3 });
    shake(norm);
    const x = normal<tf.Rank.R4>([2, 2, 3, 6], 4);
    expectGradientsMatchFiniteDifferences((y) => norm.apply(y as tf.Tensor4D), [x], {
      variables: norm.namedVariables(),
    });
    expectNoTensorLeak(() => norm.apply(x).dispose());
  });

  it('refuses channels that groups do not divide', () => {
    expect(() => new GroupNorm({ channels: 48 })).toThrow(
      'GroupNorm: expected channels to be a multiple of numGroups 32, got 48.',
    );
    expect(() => new GroupNorm({ channels: 32 }).apply(tf.ones([1, 2, 2, 16]))).toThrow('[B, H, W, 32]');
  });
});
