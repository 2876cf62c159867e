import * as tf from '@tensorflow/tfjs-core';
import {
  assertMembers,
  checkOptions,
  isContinuous,
  type ContinuousTokenizer,
  type OptionTable,
  type PerceptualLoss,
  type Tokenizer,
} from '@vitvq/core';

// A type, because `tf.tidy` refuses interfaces.
/** Measurements of a batch by {@link createEvaluationStep}. */
export type EvaluationStepResult = {
  /** Reconstructions `[B, H, W, C]`, clamped to [0, 1]. */
  readonly reconstructions: tf.Tensor4D;
  /** Tokens, int32 `[B, N]` (`[B, N, L]` with a code depth of L), where the tokenizer has some. */
  readonly indices?: tf.Tensor2D | tf.Tensor3D;
  /** Errors `[B]`: mean over H·W·C of the squared difference to the clamped reconstruction. */
  readonly squaredErrors: tf.Tensor1D;
  /** Distances `[B]` to the clamped reconstruction; present only with a perceptual loss. */
  readonly perceptualDistances?: tf.Tensor1D;
};

const evaluationStepOptionNames: OptionTable<{ readonly perceptual?: PerceptualLoss }> = {
  perceptual: 'optional',
};

/**
 * Creates a function that maps images `[B, H, W, C]` in [0, 1] to reconstructions, tokens and the
 * errors of each image. The function compiles and changes no variable.
 */
export function createEvaluationStep(
  tokenizer: Pick<Tokenizer, 'encode' | 'decode'> | ContinuousTokenizer,
  options: { readonly perceptual?: PerceptualLoss } = {},
): (images: tf.Tensor4D) => EvaluationStepResult {
  const { perceptual } = checkOptions(options, evaluationStepOptionNames, 'createEvaluationStep');
  const reconstruct = reconstructionOf(tokenizer);
  return (images) =>
    tf.tidy(() => {
      const { images: made, indices } = reconstruct(images);
      const reconstructions = tf.clipByValue(made, 0, 1);
      const squaredErrors = tf.mean<tf.Tensor1D>(tf.square(tf.sub(reconstructions, images)), [1, 2, 3]);
      const result = { reconstructions, ...(indices && { indices }), squaredErrors };
      return perceptual ? { ...result, perceptualDistances: perceptual.distance(images, reconstructions) } : result;
    });
}

/** Returns what makes images of images, with the tokens in between where there are some. */
function reconstructionOf(
  tokenizer: Pick<Tokenizer, 'encode' | 'decode'> | ContinuousTokenizer,
): (images: tf.Tensor4D) => { images: tf.Tensor4D; indices?: tf.Tensor2D | tf.Tensor3D } {
  if (isContinuous(tokenizer)) return (images) => ({ images: tokenizer.reconstruct(images) });
  assertMembers(tokenizer, ['encode', 'decode'], 'the tokenizer', 'createEvaluationStep');
  return (images) => {
    const indices = tokenizer.encode(images);
    return { images: tokenizer.decode(indices), indices };
  };
}
