import * as tf from '@tensorflow/tfjs-core';
import type { Tensor4D } from '@tensorflow/tfjs-core';

/**
 * Doubles `[B, H, W, C]` to `[B, 2H, 2W, C]` by repeating every pixel four times (nearest
 * neighbour). The function is made of concatenations, whose gradients exist to any order and
 * compile everywhere.
 */
export function upsampleNearest(x: Tensor4D): Tensor4D {
  const [batch, height, width, channels] = x.shape;
  return tf.tidy(() => {
    const pixels = tf.reshape<tf.Rank.R2>(x, [-1, channels]);
    const wide = tf.reshape<tf.Rank.R2>(tf.concat([pixels, pixels], 1), [-1, 2 * width * channels]); // a row each
    return tf.reshape<tf.Rank.R4>(tf.concat([wide, wide], 1), [batch, 2 * height, 2 * width, channels]);
  });
}
