import * as tf from '@tensorflow/tfjs-core';
import type { Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs-core';
import { allocate, assertInteger, detach } from '@vitvq/core';

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

/**
 * Returns the mask of vectors `[B, P, D]` of which those that are all zeros are padding: `[B, P]`,
 * to be added to the scores of their keys, -1e9 for padding and 0 for the others. It has no
 * gradient.
 */
export function paddingMask(vectors: Tensor3D): Tensor2D {
  // Not tf.any, which engines do not compile.
  const isVector: Tensor2D = tf.max(tf.cast(tf.notEqual(detach(vectors), 0), 'float32'), 2);
  return tf.mul(tf.sub(1, isVector), hiddenScore);
}

/**
 * Returns a mask `[T, T]` under which, besides, padding among the first positions is seen by
 * nothing but itself: `[B, 1, T, T]`.
 * @param padding  `[B, P]`, as {@link paddingMask} returns it
 */
export function withPadding(mask: Tensor2D, padding: Tensor2D): Tensor4D {
  const [length] = mask.shape;
  const [batch, prefix] = padding.shape;
  const ofColumns = tf.pad(padding, [
    [0, 0],
    [0, length - prefix],
  ]);
  const others = allocate([length, length], 'withPadding', (size) => new Float32Array(size).fill(1));
  for (let position = 0; position < length; position++) others[position * (length + 1)] = 0;
  const hidden = tf.mul(tf.reshape(ofColumns, [batch, 1, 1, length]), tf.tensor2d(others, [length, length]));
  return tf.minimum(mask, hidden);
}
