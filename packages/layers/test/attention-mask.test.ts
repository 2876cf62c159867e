import '@tensorflow/tfjs';
import '@vitvq/test-utils';
import { ConfigError } from '@vitvq/core';
import { expect, it } from 'vitest';
import { attentionMask } from '../src/index.js';

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
