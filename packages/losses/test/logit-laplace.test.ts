import * as tf from '@tensorflow/tfjs';
import { ConfigError, randomKey, randomNormal, randomUniform, ShapeError } from '@vitvq/core';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logitLaplaceImage, logitLaplaceLoss, logitLaplaceMap, logitLaplaceUnmap } from '../src/index.js';

beforeEach(() => tf.engine().startScope());
afterEach(() => tf.engine().endScope());

const one = (value: number): tf.Tensor => tf.tensor1d([value]);

describe('logitLaplaceLoss', () => {
  // target 1/2: x = 1/2, logit 0, |0 - 1| / 2 + ln 2 + ln(2/4) = 1/2. target 1: x = 0.9, ln 9 + ln
  // 0.18.
  it.each([
    [0.5, 1, Math.log(2), 0.5],
    [1, 0, 0, Math.log(9) + Math.log(0.18)],
    [0, Math.log(1 / 9), -1, -1 + Math.log(0.18)],
  ])('has the value computed by hand for target %s, mean %s, log scale %s', (target, mean, logScale, value) => {
    expect(logitLaplaceLoss({ mean: one(mean), logScale: one(logScale) }, one(target))).toBeAllClose(value);
  });

  it('is the mean over all elements', () => {
    const loss = logitLaplaceLoss(
      { mean: tf.tensor1d([1, 0]), logScale: tf.tensor1d([Math.log(2), 0]) },
      tf.tensor1d([0.5, 1]),
    );
    expect(loss).toBeAllClose((0.5 + Math.log(9) + Math.log(0.18)) / 2);
  });

  it.each([
    [0, 0, 0.1],
    [0.8, -0.5, 0.1],
    [-1, 0.1, 0.02],
  ])(
    'is the logarithm of a density that integrates to 1 (mean %s, log scale %s, epsilon %s)',
    (mean, logScale, epsilon) => {
      // Integral over x in (0, 1), by u = logit(x): dx = x (1 - x) du.
      const [limit, width] = [9, 0.02];
      let integral = 0;
      for (let u = -limit; u <= limit; u += width) {
        const x = 1 / (1 + Math.exp(-u));
        const loss = tf.tidy(() =>
          logitLaplaceLoss({ mean: one(mean), logScale: one(logScale) }, one((x - epsilon) / (1 - 2 * epsilon)), {
            epsilon,
          }).dataSync(),
        )[0]!;
        integral += Math.exp(-loss) * x * (1 - x) * width;
      }
      expect(Math.abs(integral - 1)).toBeLessThan(1e-3);
    },
  );

  it('has its minimum where the image of the mean is the target', () => {
    const target = tf.tensor1d(randomUniform(randomKey(1), 6));
    const x = logitLaplaceMap(target);
    const best = tf.log(tf.div(x, tf.sub(1, x)));
    expect(logitLaplaceImage(best)).toBeAllClose(target);
    const at = (mean: tf.Tensor): number =>
      logitLaplaceLoss({ mean, logScale: tf.zerosLike(mean) }, target).dataSync()[0]!;
    expect(at(best)).toBeLessThan(at(tf.add(best, 0.01)));
    expect(at(best)).toBeLessThan(at(tf.sub(best, 0.01)));
  });

  it('has the gradients of finite differences', () => {
    const shape: [number, number] = [3, 4];
    const target = tf.tensor2d(randomUniform(randomKey(1), 12), shape);
    const x = logitLaplaceMap(target);
    const logit = tf.log(tf.div(x, tf.sub(1, x)));
    // No mean near its target, where |x| has its kink.
    const mean = tf.add(logit, tf.mul(tf.sign(tf.tensor2d(randomNormal(randomKey(2), 12), shape)), 0.4));
    const logScale = tf.tensor2d(randomNormal(randomKey(3), 12), shape);
    expectGradientsMatchFiniteDifferences(
      (m, s, t) => logitLaplaceLoss({ mean: m, logScale: s }, t),
      [mean, logScale, target],
    );
  });

  it('refuses shapes that differ and options that cannot work', () => {
    const parameters = { mean: tf.zeros([2, 3]), logScale: tf.zeros([2, 3]) };
    expect(() => logitLaplaceLoss(parameters, tf.zeros([2, 2]))).toThrow(ShapeError);
    expect(() => logitLaplaceLoss(parameters, tf.zeros([2, 2]))).toThrow(
      'logitLaplaceLoss: expected shape [2, 2], got [2, 3]. mean must have the shape of target.',
    );
    expect(() => logitLaplaceLoss({ ...parameters, logScale: tf.scalar(0) }, tf.zeros([2, 3]))).toThrow(
      'logScale must have the shape of target.',
    );
    expect(() => logitLaplaceLoss(parameters, tf.zeros([2, 3], 'int32'))).toThrow('expected target to be float32');
    for (const epsilon of [0, -0.1, 0.5, NaN]) {
      const loss = (): unknown => logitLaplaceLoss(parameters, tf.zeros([2, 3]), { epsilon });
      expect(loss).toThrow(ConfigError);
      expect(loss).toThrow(`expected epsilon to be a number within (0, 0.5), got ${epsilon}.`);
    }
  });

  it('leaves no tensors behind', () => {
    const zeros = tf.zeros([4]);
    expectNoTensorLeak(() => logitLaplaceLoss({ mean: zeros, logScale: zeros }, zeros).dispose());
  });
});

describe('logitLaplaceMap', () => {
  it('maps [0, 1] into the interval and back', () => {
    const pixels = tf.tensor1d([0, 0.25, 1]);
    expect(logitLaplaceMap(pixels)).toBeAllClose([0.1, 0.3, 0.9]);
    expect(logitLaplaceMap(pixels, { epsilon: 0.2 })).toBeAllClose([0.2, 0.35, 0.8]);
    expect(logitLaplaceUnmap(logitLaplaceMap(pixels))).toBeAllClose(pixels);
    expect(logitLaplaceUnmap(tf.tensor1d([0, 0.05, 1]))).toBeAllClose([0, 0, 1]);
  });

  it('refuses epsilon outside (0, 1/2)', () => {
    expect(() => logitLaplaceMap(one(0), { epsilon: 0.5 })).toThrow('logitLaplaceMap: expected epsilon');
    expect(() => logitLaplaceUnmap(one(0), { epsilon: NaN })).toThrow('logitLaplaceUnmap: expected epsilon');
    expect(() => logitLaplaceImage(one(0), { epsilon: 0 })).toThrow(ConfigError);
  });
});
