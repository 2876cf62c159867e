import type * as tf from '@tensorflow/tfjs-core';

// A type, not an interface: only types fit the named tensors of compiled functions.
/**
 * Noise that a training step mixes into what the decoder gets of each token, (1 - w) q + w n, so
 * that the decoder learns to make images of codes that a transformer drew amiss.
 */
export type LatentNoise = {
  /** Weights w in [0, 1], float32 `[B, N, 1]`: 1 replaces a token, 0 leaves it as it is. */
  readonly weights: tf.Tensor3D;
} & (
  | {
      /** Codes n in place of the image's, int32 `[B, N]` (`[B, N, L]` with a code depth L). */
      readonly codes: tf.Tensor2D | tf.Tensor3D;
    }
  | {
      /** Values n, float32 `[B, N, E]`. */
      readonly values: tf.Tensor3D;
    }
);
