import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { entriesOfTokens } from '../src/index.js';

const rows = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 3]);

it('picks the entry that the token of each row names', () => {
  const picked = entriesOfTokens(rows, tf.tensor1d([2, 0, 1], 'int32'));
  expect([...picked.dataSync()]).toEqual([3, 4, 8]);
});

it.each([
  [-1, 0, 0],
  [0, -1, 0],
  [0, 3, 0],
  [3, 0, 0],
  [0, 0, 3],
  [2 ** 31 - 1, 0, 0],
  [0, -(2 ** 31), 0],
])('takes no entry of another row for the tokens %i, %i, %i', (...tokens) => {
  expect(() => entriesOfTokens(rows, tf.tensor1d(tokens, 'int32'))).toThrow('not in [0, 8]');
});
