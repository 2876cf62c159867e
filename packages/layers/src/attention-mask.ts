import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D } from '@tensorflow/tfjs-core';
import { allocate, assertInteger } from '@vitvq/core';

/**
 * Number that is added to the score of a hidden position. Its exponential is 0, and unlike
 * -Infinity it makes no NaN on the way.
 */
export const hiddenScore = -1e9;

/**
 * Returns the mask of which position sees which: every position sees itself and the positions
 * before it, and the first `conditions` positions see each other in both directions (the reference;
 * the paper has one conditioning token, for which both are the same).
 * @returns  `[length, length]`, to be added to attention scores: 0 where the row may see the
 *   column, -1e9 where it may not
 * @throws {ConfigError}
 */
export function attentionMask(length: number, conditions = 0): Tensor2D {
  assertInteger(length, 'length', 'attentionMask');
  assertInteger(conditions, 'conditions', 'attentionMask', 0);
  const mask = allocate([length, length], 'attentionMask', (size) => new Float32Array(size));
  for (let row = 0; row < length; row++) {
    const visible = row < conditions ? Math.min(conditions, length) : row + 1;
    mask.fill(hiddenScore, row * length + visible, (row + 1) * length);
  }
  return tf.tensor2d(mask, [length, length]);
}
