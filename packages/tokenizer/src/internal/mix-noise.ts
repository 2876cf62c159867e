import * as tf from '@tensorflow/tfjs-core';
import { detach, type Bottleneck } from '@vitvq/core';
import type { LatentNoise } from '../latent-noise.js';
import { quantizerOf } from './quantizer-of.js';

/**
 * Mixes noise into latents `[B, N, E]`. Codes in place of the image's get no gradient: they say
 * nothing of the image.
 * @throws {ConfigError} for codes, where latents are none
 */
export function mixNoise(latents: tf.Tensor3D, noise: LatentNoise, bottleneck: Bottleneck): tf.Tensor3D {
  const values =
    'codes' in noise
      ? detach(quantizerOf(bottleneck, 'VQTokenizer.forward, latentNoise').decode(noise.codes))
      : noise.values;
  return tf.add(latents, tf.mul(noise.weights, tf.sub(values, latents)));
}
