import * as tf from '@tensorflow/tfjs-core';
import { detach, type Quantizer } from '@vitvq/core';
import type { LatentNoise } from '../latent-noise.js';

/**
 * Mixes noise into latents `[B, N, E]`. Codes in place of the image's get no gradient: they say
 * nothing of the image.
 */
export function mixNoise(latents: tf.Tensor3D, noise: LatentNoise, quantizer: Quantizer): tf.Tensor3D {
  const values = 'codes' in noise ? detach(quantizer.decode(noise.codes)) : noise.values;
  return tf.add(latents, tf.mul(noise.weights, tf.sub(values, latents)));
}
