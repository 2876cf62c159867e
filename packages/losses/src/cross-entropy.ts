import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { assertShape, entriesOfTokens } from '@vitvq/core';

/**
 * Returns the mean negative log-likelihood in nats per token (equation 2 of arXiv:2110.04627,
 * divided by the number of tokens). Divide the value by ln 2 for bits; its exponential is the
 * perplexity. The gradient, softmax - one-hot, is hand-written and of first order only.
 * @param logits  float32 `[.., V]`
 * @param tokens  int32 `[..]`, in `[0, V)`; others are an error where the engine can report one
 * @throws {ShapeError}
 */
export function crossEntropy(logits: Tensor, tokens: Tensor): Scalar {
  const vocabSize = logits.shape.at(-1)!;
  assertShape(tokens, logits.shape.slice(0, -1), 'crossEntropy', 'The logits have one axis more.');
  const rows = tokens.size;
  return tf.tidy(() => {
    const targets = tf.reshape<tf.Rank.R1>(tokens, [rows]);
    const loss = tf.customGrad((x, save) => {
      const logProbabilities = tf.logSoftmax(x as Tensor2D); // [rows, V]
      (save as tf.GradSaveFunc)([logProbabilities, targets]);
      const chosen = entriesOfTokens(logProbabilities, targets);
      return {
        value: tf.neg(tf.mean(chosen)),
        gradFunc: (dy, saved) => {
          const [logs, chosenTokens] = saved as [Tensor2D, tf.Tensor1D];
          const scale = tf.div(dy, rows);
          return tf.mul(tf.sub(tf.exp(logs), tf.oneHot(chosenTokens, vocabSize, 1, 0, 'float32')), scale);
        },
      };
    });
    return loss(tf.reshape(logits, [rows, vocabSize])) as Scalar;
  });
}
