import * as tf from '@tensorflow/tfjs-core';
import type { Tensor3D } from '@tensorflow/tfjs-core';
import type { Bottleneck } from '@vitvq/core';
import { normalizeRows } from './internal/normalize-rows.js';

/**
 * Returns features `[B, N, E]` where the codes of a quantizer lie, without quantizing them: as its
 * `bound` maps them, else at length 1 where codes have that, else as they are. It is what a decoder
 * gets in place of codes while the tokenizer is trained as an autoencoder.
 */
export function likeCodes(quantizer: Pick<Bottleneck, 'bound' | 'codebook'>, z: Tensor3D): Tensor3D {
  return tf.tidy(() => {
    if (quantizer.bound) return quantizer.bound(z);
    return quantizer.codebook?.normalized ? normalizeRows(z) : tf.clone(z);
  });
}
