import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { imageTokens, tinyGPT, tokensOf } from '@vitvq/test-models';
import { expect, it } from 'vitest';
import { negativeLogLikelihood } from '../src/index.js';

it.each([
  [11, 'the next row'],
  [-1, 'the row before'],
])('refuses %i as the last token of an image, of 11 tokens, which would be found in %s', (token) => {
  const model = tinyGPT();
  const conditions = tokensOf<tf.Rank.R2>([2, 2], 5, 1);
  const tokens = (last: number): ReturnType<typeof imageTokens> =>
    imageTokens(
      tf.tensor2d(
        Array.from({ length: 24 }, (_, index) => (index === 11 ? last : 3)),
        [2, 12],
        'int32',
      ),
    );
  expect(negativeLogLikelihood(model, conditions, tokens(3)).shape).toEqual([2, 12]);
  expect(() => negativeLogLikelihood(model, conditions, tokens(token))).toThrow(/is not in \[0, \d+\]/);
  model.dispose();
});
