import * as tf from '@tensorflow/tfjs-core';

/**
 * Returns the largest of each 2x2 pixels, `[B, H, W, C]` to `[B, H/2, W/2, C]`; an odd last row or
 * column is left out. Of equal pixels the first in raster order gets the gradient, as in PyTorch.
 * The function is made of slices and maxima, which every engine has.
 */
export function maxPool(x: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const [rows, columns] = [Math.floor(height / 2), Math.floor(width / 2)];
  return tf.tidy(() => {
    const even =
      height % 2 === 0 && width % 2 === 0 ? x : tf.slice(x, [0, 0, 0, 0], [batch, 2 * rows, 2 * columns, channels]);
    const pairs = tf.reshape<tf.Rank.R4>(even, [batch * rows, 2, columns, 2 * channels]);
    const half = [batch * rows, 2, columns, channels] as [number, number, number, number];
    const across = tf.maximum(tf.slice(pairs, [0, 0, 0, 0], half), tf.slice(pairs, [0, 0, 0, channels], half));
    const row = [batch * rows, 1, columns, channels] as [number, number, number, number];
    const down = tf.maximum(tf.slice(across, [0, 0, 0, 0], row), tf.slice(across, [0, 1, 0, 0], row));
    return tf.reshape<tf.Rank.R4>(down, [batch, rows, columns, channels]);
  });
}
