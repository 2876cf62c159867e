import * as tf from '@tensorflow/tfjs-core';

/**
 * Returns whether these are lengths of nested dropout: two or more, ascending, and `tokens` last,
 * since tokens after the last one would never be trained.
 */
export function areNested(lengths: readonly number[], tokens: number): boolean {
  return (
    lengths.length > 1 &&
    lengths.at(-1) === tokens &&
    lengths.every((length, index) => Number.isInteger(length) && length > (lengths[index - 1] ?? 0))
  );
}

/**
 * Sets all but the first `lengths` tokens of each image to zero.
 * @param features  `[B, N, D]`
 * @param lengths  int32 `[B]`
 */
export function keepFirst(features: tf.Tensor3D, lengths: tf.Tensor1D): tf.Tensor3D {
  const places = tf.range(0, features.shape[1], 1, 'int32');
  const isKept = tf.less(tf.expandDims(places, 0), tf.expandDims(lengths, 1)); // [B, N]
  return tf.mul(features, tf.cast(tf.expandDims(isKept, 2), 'float32'));
}

/** Appends zeros `[B, n, D]` to `[B, tokens, D]`, in the place of the tokens that are left out. */
export function fillUp(features: tf.Tensor3D, tokens: number): tf.Tensor3D {
  const missing = tokens - features.shape[1];
  return missing === 0
    ? features
    : tf.pad(features, [
        [0, 0],
        [0, missing],
        [0, 0],
      ]);
}
