import '@tensorflow/tfjs';
import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';
import { expect, it } from 'vitest';
import { attentionMask, paddingMask, withPadding } from '../src/index.js';

const no = -1e9;

it('lets every position see itself and what is before it', () => {
  expect(attentionMask(3)).toBeAllClose([
    [0, no, no],
    [0, 0, no],
    [0, 0, 0],
  ]);
});

it('lets conditions see each other', () => {
  expect(attentionMask(4, 2)).toBeAllClose([
    [0, 0, no, no],
    [0, 0, no, no],
    [0, 0, 0, no],
    [0, 0, 0, 0],
  ]);
});

it('refuses sizes that make no sense', () => {
  expect(() => attentionMask(0)).toThrow(ConfigError);
  expect(() => attentionMask(2, -1)).toThrow(ConfigError);
});

it('hides padding from all but itself', () => {
  const vectors = tf.tensor3d([0, 0, 0, 0.5, NaN, 0, 1, 0, 0, 0, -0, 0], [2, 3, 2]);
  const padding = paddingMask(vectors);
  expect(padding).toBeAllClose([
    [no, 0, 0],
    [0, no, no],
  ]);
  const masks = tf.squeeze(withPadding(attentionMask(4), padding), [1]);
  expect(masks).toBeAllClose([
    [
      [0, no, no, no],
      [no, 0, no, no],
      [no, 0, 0, no],
      [no, 0, 0, 0],
    ],
    [
      [0, no, no, no],
      [0, 0, no, no],
      [0, no, 0, no],
      [0, no, no, 0],
    ],
  ]);
});
