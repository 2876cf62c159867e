import * as tf from '@tensorflow/tfjs-core';
import type { Codebook } from '@vitvq/core';

/** Smallest squared length that a latent is divided by, as in the quantizer: 1e-12 squared. */
const minimumSquaredLength = 1e-24;

/**
 * Returns latents `[B, N, E]` scaled to the length of codes: to 1 where the codebook is normalised;
 * unchanged elsewhere.
 */
export function likeCodes(latents: tf.Tensor3D, codebook: Codebook | undefined): tf.Tensor3D {
  if (!codebook?.normalized) return latents;
  return tf.mul(latents, tf.rsqrt(tf.maximum(tf.sum(tf.square(latents), -1, true), minimumSquaredLength)));
}
