import * as tf from '@tensorflow/tfjs-core';
import type { Tensor } from '@tensorflow/tfjs-core';
import type { AutoregressiveModel, Conditions, ImageTokens } from './autoregressive-model.js';

/**
 * Negative log-likelihood of each token given the conditions and the tokens before it, in nats: float32 in the shape of the
 * tokens, `[B, N]` or `[B, N, L]`. Compiles.
 */
export function negativeLogLikelihood(model: AutoregressiveModel, conditions: Conditions, tokens: ImageTokens): Tensor {
  return tf.tidy(() => {
    const { size, shape } = tokens;
    const logits = tf.reshape(model.logits(conditions, tokens), [size, model.vocabSize]);
    const rows = tf.range(0, size * model.vocabSize, model.vocabSize, 'int32');
    const places = tf.add(rows, tf.reshape(tokens, [size]));
    const chosen = tf.gather(tf.reshape(tf.logSoftmax(logits), [-1]), places);
    return tf.neg(tf.reshape(chosen, shape));
  });
}
