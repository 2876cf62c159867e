import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, type Module } from '@vitvq/core';
import { likeCodes, type TrainableQuantizer, type ViTVQ } from '@vitvq/tokenizer';

/** What a quantizer offers against a codebook that collapses; `VectorQuantizer` with `trackUsage` of @vitvq/quantizers does. */
export interface CareableQuantizer extends TrainableQuantizer {
  /** Sets the codes to features `z` `[B, N, E]` that `uniform` `[K]` in [0, 1) picks. */
  initializeFromData(z: tf.Tensor, uniform: tf.Tensor1D): void;
  /** Sets codes that nothing chose since the last call to features; returns how many. */
  reviveDeadCodes(z: tf.Tensor, uniform: tf.Tensor1D): tf.Scalar;
}

/** @throws {ConfigError} when the tokenizer's quantizer does not offer it */
export function careableQuantizer(tokenizer: ViTVQ, where: string): CareableQuantizer & Module {
  const quantizer: TrainableQuantizer & Module & Partial<CareableQuantizer> = tokenizer.quantizer;
  if (!quantizer.initializeFromData || !quantizer.reviveDeadCodes) {
    throw new ConfigError({
      where,
      expected: 'a quantizer with initializeFromData and reviveDeadCodes',
      got: quantizer.constructor.name,
      fix: 'Use VectorQuantizer, or set codebook to { initializeFromData: false, reviveEvery: 0 }.',
    });
  }
  return quantizer as CareableQuantizer & Module;
}

/**
 * Lets codes start as features of the first batch. A codebook of noise lies off the features, so that few codes are ever
 * chosen and the others get no gradient. The function compiles; `uniform` `[K]` in [0, 1) picks the features.
 */
export function createCodebookInitialization(
  tokenizer: ViTVQ,
): (images: tf.Tensor4D, uniform: tf.Tensor1D) => tf.Scalar {
  const quantizer = careableQuantizer(tokenizer, 'createCodebookInitialization');
  return (images, uniform) =>
    tf.tidy(() => {
      quantizer.initializeFromData(featuresFor(tokenizer, images), uniform);
      return tf.scalar(quantizer.codebookSize);
    });
}

/** Replaces dead codes by features of a batch and returns how many there were. The function compiles. */
export function createCodebookRevival(tokenizer: ViTVQ): (images: tf.Tensor4D, uniform: tf.Tensor1D) => tf.Scalar {
  const quantizer = careableQuantizer(tokenizer, 'createCodebookRevival');
  return (images, uniform) => tf.tidy(() => quantizer.reviveDeadCodes(featuresFor(tokenizer, images), uniform));
}

/**
 * Where codes only count by their direction, they start at length 1: the optimizer moves every code by about the learning
 * rate, and a long one would hardly turn.
 */
function featuresFor(tokenizer: ViTVQ, images: tf.Tensor4D): tf.Tensor3D {
  return likeCodes(tokenizer.latents(images), tokenizer.quantizer);
}
