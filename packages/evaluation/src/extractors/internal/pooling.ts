import * as tf from '@tensorflow/tfjs-core';

// Made of slices, which every engine has.

/** Returns the largest of 3x3 pixels at every second place, without padding. */
export function maxPoolByTwo(x: tf.Tensor4D): tf.Tensor4D {
  return largestOfThree(swapped(largestOfThree(swapped(x))));
}

/** Returns the largest of the 3x3 pixels around each one; what is beyond the edge counts as 0. */
export function maxPoolAround(x: tf.Tensor4D): tf.Tensor4D {
  return alongAround(x, (a, b) => tf.maximum(a, b));
}

/** Returns the mean of the 3x3 pixels around each one, of those that the image has. */
export function meanAround(x: tf.Tensor4D): tf.Tensor4D {
  const [, height, width] = x.shape;
  const inverse = (size: number): number[] =>
    Array.from({ length: size }, (_, at) => 1 / (3 - (at === 0 ? 1 : 0) - (at === size - 1 ? 1 : 0)));
  const sums = alongAround(x, (a, b) => tf.add(a, b));
  const scaled = tf.mul(sums, tf.tensor4d(inverse(height), [1, height, 1, 1]));
  return tf.mul(scaled, tf.tensor4d(inverse(width), [1, 1, width, 1]));
}

function swapped(x: tf.Tensor4D): tf.Tensor4D {
  return tf.transpose(x, [0, 2, 1, 3]);
}

/** Returns the largest of rows 2i, 2i + 1 and 2i + 2 as row i. */
function largestOfThree(x: tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const rows = Math.floor((height - 1) / 2);
  /** Rows `begin`, `begin + 2`, ... of which there are as many as results. */
  const everySecond = (begin: number): tf.Tensor4D => {
    // The last pair may reach one row beyond what is needed, but not beyond the image.
    const first = Math.min(begin, height - 2 * rows);
    const pairs = tf.reshape(tf.slice(x, [0, first, 0, 0], [batch, 2 * rows, width, channels]), [
      batch * rows,
      2,
      width,
      channels,
    ]);
    const row = tf.slice(pairs, [0, begin - first, 0, 0], [batch * rows, 1, width, channels]);
    return tf.reshape(row, [batch, rows, width, channels]);
  };
  return tf.maximum(tf.maximum(everySecond(0), everySecond(1)), everySecond(2));
}

function alongAround(x: tf.Tensor4D, join: (a: tf.Tensor4D, b: tf.Tensor4D) => tf.Tensor4D): tf.Tensor4D {
  const [batch, height, width, channels] = x.shape;
  const padded = tf.pad(x, [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ]);
  const rows = [0, 1, 2].map((begin) => tf.slice(padded, [0, begin, 0, 0], [batch, height, width + 2, channels]));
  const joined = join(join(rows[0]!, rows[1]!), rows[2]!);
  const columns = [0, 1, 2].map((begin) => tf.slice(joined, [0, 0, begin, 0], [batch, height, width, channels]));
  return join(join(columns[0]!, columns[1]!), columns[2]!);
}
