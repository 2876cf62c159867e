import * as tf from '@tensorflow/tfjs-core';

/** Squared length below which a latent counts as this long, as for the quantizer: 1e-12 squared. */
const minimumSquaredLength = 1e-24;

/** Latents `[B, N, E]` of the length that codes have: 1 where the quantizer normalises, their own elsewhere. */
export function likeCodes(latents: tf.Tensor3D, { normalize = false }: { readonly normalize?: boolean }): tf.Tensor3D {
  if (!normalize) return latents;
  return tf.mul(latents, tf.rsqrt(tf.maximum(tf.sum(tf.square(latents), -1, true), minimumSquaredLength)));
}
