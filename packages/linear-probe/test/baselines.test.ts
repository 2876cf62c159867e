import * as tf from '@tensorflow/tfjs';
import { ConfigError, ShapeError } from '@vitvq/core';
import '@vitvq/test-utils';
import { describe, expect, it } from 'vitest';
import { kindOfBlock, pixelFeatures, untrainedFeatures } from '../src/index.js';

describe('pixelFeatures', () => {
  const images = tf.reshape<tf.Rank.R4>(tf.range(0, 2 * 2 * 4 * 2), [2, 2, 4, 2]);

  it('gives pixels as a vector', () => {
    const { pixels } = pixelFeatures(images);
    expect(pixels!.shape).toEqual([2, 16]);
    expect(pixels!).toBeAllClose(tf.reshape(images, [2, 16]));
  });

  it('averages over squares', () => {
    const { pixels } = pixelFeatures(images, { pool: 2 });
    expect(pixels!).toBeAllClose(tf.reshape(tf.avgPool(images, 2, 2, 'valid'), [2, 4]));
  });

  it('refuses squares that do not divide the image, and what is no image', () => {
    expect(() => pixelFeatures(images, { pool: 3 })).toThrow(ConfigError);
    expect(() => pixelFeatures(images, { pool: 3 })).toThrow('pool to divide 2 and 4, got 3');
    expect(() => pixelFeatures(tf.zeros<tf.Rank>([2, 4]) as tf.Tensor4D)).toThrow(ShapeError);
    expect(() => pixelFeatures(tf.zeros([2, 3, 8, 8]))).toThrow(
      'seem to be [B, C, H, W]: transpose them to [B, H, W, C].',
    );
  });
});

it('tells baselines by their names', () => {
  const x = tf.zeros([1, 1]);
  const names = Object.keys({ 'block 0': x, ...pixelFeatures(tf.zeros([1, 1, 1, 1])), ...untrainedFeatures({ b: x }) });
  expect(names.map(kindOfBlock)).toEqual(['model', 'pixels', 'untrained']);
});
