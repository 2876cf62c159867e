import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { assertShape, entriesOfTokens } from '@vitvq/core';
import { assertFloats } from './internal/checks.js';

/**
 * Returns the mean negative log-likelihood in nats per token (equation 2 of arXiv:2110.04627,
 * divided by the number of tokens). Divide the value by ln 2 for bits; its exponential is the
 * perplexity. The gradient, softmax - one-hot, is hand-written and of first order only.
 * @param logits  float32 `[.., V]`
 * @param tokens  int32 `[..]`, in `[0, V)`; others are an error where the engine can report one
 * @param weights  float32 `[..]`, at least 0 and not all 0: how much each token counts in the mean
 *   (masked models count the unknown ones); default: all alike
 * @throws {ShapeError}
 */
export function crossEntropy(logits: Tensor, tokens: Tensor, weights?: Tensor): Scalar {
  assertFloats({ logits, ...(weights && { weights }) }, 'crossEntropy');
  const vocabSize = logits.shape.at(-1)!;
  assertShape(tokens, logits.shape.slice(0, -1), 'crossEntropy', 'The logits have one axis more.');
  if (weights) assertShape(weights, tokens.shape, 'crossEntropy', 'There is one weight for each token.');
  const rows = tokens.size;
  return tf.tidy(() => {
    const targets = tf.reshape<tf.Rank.R1>(tokens, [rows]);
    const shares = weights && tf.div<tf.Tensor1D>(tf.reshape(weights, [rows]), tf.sum(weights));
    const loss = tf.customGrad((x, save) => {
      const logProbabilities = tf.logSoftmax(x as Tensor2D); // [rows, V]
      (save as tf.GradSaveFunc)([logProbabilities, targets, ...(shares ? [shares] : [])]);
      const chosen = entriesOfTokens(logProbabilities, targets);
      return {
        value: tf.neg(shares ? tf.sum(tf.mul(chosen, shares)) : tf.mean(chosen)),
        gradFunc: (dy, saved) => {
          const [logs, chosenTokens, ofRows] = saved as [Tensor2D, tf.Tensor1D, tf.Tensor1D?];
          const scale = ofRows ? tf.expandDims(tf.mul(dy, ofRows), 1) : tf.div(dy, rows);
          return tf.mul(tf.sub(tf.exp(logs), tf.oneHot(chosenTokens, vocabSize, 1, 0, 'float32')), scale);
        },
      };
    });
    return loss(tf.reshape(logits, [rows, vocabSize])) as Scalar;
  });
}
