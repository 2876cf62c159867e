import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import { entriesOfTokens } from '@vitvq/core';
import type { AutoregressiveModel, Conditions, ImageTokens } from './autoregressive-model.js';

/**
 * Returns the negative log-likelihood of each token given the conditions and the tokens before it
 * (arXiv:2110.04627, equation 2), in nats: float32 in the shape of the tokens, `[B, N]` or `[B, N,
 * L]`. Can be compiled.
 */
export function negativeLogLikelihood(model: AutoregressiveModel, conditions: Conditions, tokens: ImageTokens): Tensor {
  return tf.tidy(() => {
    const { size, shape } = tokens;
    const logits = tf.reshape<tf.Rank.R2>(model.logits(conditions, tokens), [size, model.vocabSize]);
    const chosen = entriesOfTokens(tf.logSoftmax(logits), tf.reshape<tf.Rank.R1>(tokens, [size]));
    return tf.neg(tf.reshape(chosen, shape));
  });
}
