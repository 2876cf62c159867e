import type * as tf from '@tensorflow/tfjs-core';
import { pixelFeatures, untrainedFeatures, type NamedFeatures } from '@vitvq/linear-probe';
import type { VQTokenizer } from '@vitvq/tokenizer';
import { nullConditions, type AnyTokenModel, type AnyConditioner, type ImageTokens } from '@vitvq/transformers';

/** Models that a probe looks into. */
export interface ProbedModels {
  readonly tokenizer: VQTokenizer;
  readonly model: AnyTokenModel;
  /** The same network as it was before its training. */
  readonly untrained: AnyTokenModel;
  readonly conditioner: AnyConditioner;
}

/**
 * Names of the tokenizer's features that are probed: every block of the encoder, the latents and
 * their codes. The embedding is linear in the pixels, so that its average knows no more than
 * theirs, and the final norm is the last block over again.
 */
export function probedStages({ featureNames }: Pick<VQTokenizer, 'featureNames'>): string[] {
  return featureNames.filter((name) => /^(encoder\.blocks\.\d+|latents|quantized)$/.test(name));
}

/**
 * Features of images `[B, H, W, C]`: stages of the tokenizer, every block of the transformer on the
 * image's codes, of its untrained twin, and raw pixels. Of an RQTransformer, the blocks over
 * positions: those over levels see one position at a time.
 *
 * A transformer of classes would hold the label in every feature if it got the class of the image
 * before its codes, and the probe would read it off and be right for all images. So the null token
 * stands where the class would, for every image, the input that training shows the model whenever
 * it drops a class. This function gets images and nothing else: there is no label that could leak.
 * @param pixelPool  raw pixels are averaged over squares of this side
 */
export function probedFeatures(
  { tokenizer, model, untrained, conditioner }: ProbedModels,
  pixelPool: number,
): (images: tf.Tensor4D) => NamedFeatures {
  return (images) => {
    // Compiling merges equal operations, so that the encoder runs once for both.
    const ofTokenizer = tokenizer.features(images);
    const tokens: ImageTokens = tokenizer.encode(images);
    const noClass = nullConditions(conditioner, images.shape[0]);
    return {
      ...Object.fromEntries(probedStages(tokenizer).map((name) => [name, ofTokenizer[name]!])),
      ...overPositions(model.features(noClass, tokens)),
      ...untrainedFeatures(overPositions(untrained.features(noClass, tokens))),
      ...pixelFeatures(images, { pool: pixelPool }),
    };
  };
}

function overPositions(features: NamedFeatures): NamedFeatures {
  return Object.fromEntries(Object.entries(features).filter(([name]) => !name.startsWith('depth.')));
}
