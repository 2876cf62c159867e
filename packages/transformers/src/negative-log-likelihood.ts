import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core';
import { entriesOfTokens } from '@vitvq/core';
import { isAnyOrder, type AnyOrderModel } from './any-order-model.js';
import type { AutoregressiveModel } from './autoregressive-model.js';
import type { Conditions, ImageTokens } from './token-model.js';

/** Models that give images a likelihood. */
export type LikelihoodModel = AutoregressiveModel | AnyOrderModel;

/**
 * Returns the negative log-likelihood of each token given the conditions and the tokens before it
 * in raster order (arXiv:2110.04627, equation 2), in nats: float32 in the shape of the tokens, `[B,
 * N]` or `[B, N, L]`. Can be compiled.
 */
export function negativeLogLikelihood(model: LikelihoodModel, conditions: Conditions, tokens: ImageTokens): Tensor {
  return tf.tidy(() => natsOfTokens(rasterLogits(model, conditions, tokens), tokens));
}

/**
 * Returns the negative log-likelihood that logits `[.., V]` give to tokens `[..]`, in nats: float32
 * in the shape of the tokens. Can be compiled.
 */
export function natsOfTokens(logits: Tensor, tokens: ImageTokens): Tensor {
  return tf.tidy(() => {
    const { size, shape } = tokens;
    const rows = tf.reshape<tf.Rank.R2>(logits, [size, logits.shape.at(-1)!]);
    const chosen = entriesOfTokens(tf.logSoftmax(rows), tf.reshape<tf.Rank.R1>(tokens, [size]));
    return tf.neg(tf.reshape(chosen, shape));
  });
}

function rasterLogits(model: LikelihoodModel, conditions: Conditions, tokens: ImageTokens): Tensor {
  if (!isAnyOrder(model)) return model.logits(conditions, tokens);
  const [batch, count] = tokens.shape;
  const rank: Tensor2D = tf.tile(tf.reshape<tf.Rank.R2>(tf.range(0, count, 1, 'int32'), [1, count]), [batch, 1]);
  return model.orderedLogits(conditions, tokens as Tensor2D, { rank, known: rank });
}
