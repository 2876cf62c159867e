import * as tf from '@tensorflow/tfjs-core';
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';

/**
 * Returns the entry of each row that its token names: `[rows]` of `rows` `[rows, V]` and int32
 * `tokens` `[rows]`. A token out of range is an error where `tf.gather` reports one, and never
 * names an entry of another row.
 */
export function entriesOfTokens(rows: Tensor2D, tokens: Tensor1D): Tensor1D {
  return tf.tidy(() => {
    const [count, vocabSize] = rows.shape;
    const [first, end] = [tf.scalar(0, 'int32'), tf.scalar(vocabSize, 'int32')];
    const isToken = tf.logicalAnd(tf.greaterEqual(tokens, first), tf.less(tokens, end));
    const places = tf.add(tf.range(0, count * vocabSize, vocabSize, 'int32'), tokens);
    const checked = tf.where(isToken, places, tf.fill([count], -1, 'int32'));
    return tf.gather<Tensor1D>(tf.reshape(rows, [-1]), checked);
  });
}
