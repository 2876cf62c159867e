import * as tf from '@tensorflow/tfjs-core';
import type { PerceptualLoss } from '@vitvq/core';
import type { ViTVQ } from '@vitvq/tokenizer';

export type EvaluationStepResult = {
  /** `[B, H, W, C]`, clamped to [0, 1]. */
  readonly reconstructions: tf.Tensor4D;
  /** int32 `[B, N]` (`[B, N, L]` with L residual levels). */
  readonly indices: tf.Tensor2D | tf.Tensor3D;
  /** `[B]`: mean over H·W·C of the squared difference to the clamped reconstruction. */
  readonly squaredErrors: tf.Tensor1D;
  /** `[B]`, to the clamped reconstruction; only with a perceptual loss. */
  readonly perceptualDistances?: tf.Tensor1D;
};

/** Images to reconstructions, tokens and errors an image, in one pass that compiles; it changes nothing. */
export function createEvaluationStep(
  tokenizer: ViTVQ,
  { perceptual }: { readonly perceptual?: PerceptualLoss } = {},
): (images: tf.Tensor4D) => EvaluationStepResult {
  return (images) =>
    tf.tidy(() => {
      const { reconstruction, indices } = tokenizer.forward(images);
      const reconstructions = tf.clipByValue(reconstruction, 0, 1);
      const squaredErrors = tf.mean<tf.Tensor1D>(tf.square(tf.sub(reconstructions, images)), [1, 2, 3]);
      const result = { reconstructions, indices, squaredErrors };
      return perceptual ? { ...result, perceptualDistances: perceptual.distance(images, reconstructions) } : result;
    });
}
