import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, type Module } from '@vitvq/core';
import { likeCodes, type TrainableQuantizer, type ViTVQ } from '@vitvq/tokenizer';

/** What a quantizer offers against a codebook that collapses; `VectorQuantizer` with `trackUsage` of @vitvq/quantizers does. */
interface ResettableQuantizer extends TrainableQuantizer {
  /** Sets the codes to features `z` `[B, N, E]` that `uniform` `[K]` in [0, 1) picks. */
  initializeFromData(z: tf.Tensor, uniform: tf.Tensor1D): void;
  /** Sets codes that nothing chose since the last call to features; returns how many. */
  reviveDeadCodes(z: tf.Tensor, uniform: tf.Tensor1D): tf.Scalar;
}

/** Returns the tokenizer's quantizer, whose codes can be set. @throws {ConfigError} when it offers no way */
function resettableQuantizer(tokenizer: ViTVQ, where: string): ResettableQuantizer & Module {
  const quantizer: TrainableQuantizer & Module & Partial<ResettableQuantizer> = tokenizer.quantizer;
  if (!quantizer.initializeFromData || !quantizer.reviveDeadCodes) {
    throw new ConfigError({
      where,
      expected: 'a quantizer whose codebook can be initialized and reset',
      got: quantizer.constructor.name,
      fix: 'Use VectorQuantizer with trackUsage, or set codebook to { initializeFromData: false, resetEvery: 0 }.',
    });
  }
  return quantizer as ResettableQuantizer & Module;
}

/** Plain tensor code from images and uniform noise `[K]` in [0, 1), which picks features, to the number of codes that were set. */
export type SetCodes = (images: tf.Tensor4D, uniform: tf.Tensor1D) => tf.Scalar;

/**
 * Creates a function that sets all codes to features of a batch. A codebook of noise lies off the
 * features, so that few codes are ever chosen and the others get no gradient. The function compiles.
 * @throws {ConfigError} when the quantizer's codes cannot be set
 */
export function createCodebookInitialization(tokenizer: ViTVQ): SetCodes {
  const quantizer = resettableQuantizer(tokenizer, 'createCodebookInitialization');
  return (images, uniform) =>
    tf.tidy(() => {
      quantizer.initializeFromData(featuresFor(tokenizer, images), uniform);
      return tf.scalar(quantizer.codebookSize);
    });
}

/**
 * Creates a function that sets codes which nothing chose since the last reset to features of a batch,
 * and counts anew. The function compiles.
 * @throws {ConfigError} when the quantizer's codes cannot be set
 */
export function createCodebookReset(tokenizer: ViTVQ): SetCodes {
  const quantizer = resettableQuantizer(tokenizer, 'createCodebookReset');
  return (images, uniform) => tf.tidy(() => quantizer.reviveDeadCodes(featuresFor(tokenizer, images), uniform));
}

/**
 * Returns features as codes start. Where only the direction of codes counts, codes start at length 1:
 * the optimizer moves every code by about the learning rate, and a long one would hardly turn.
 */
function featuresFor(tokenizer: ViTVQ, images: tf.Tensor4D): tf.Tensor3D {
  return likeCodes(tokenizer.latents(images), tokenizer.quantizer);
}
