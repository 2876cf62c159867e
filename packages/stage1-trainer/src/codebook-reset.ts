import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, type Codebook } from '@vitvq/core';
import type { ViTVQ } from '@vitvq/tokenizer';

/** Changes codes with features of a batch; `uniform` `[K]` in [0, 1) picks the features. */
export type CodebookUpdate = (images: tf.Tensor4D, uniform: tf.Tensor1D) => tf.Scalar;

type ResettableCodebook = Codebook & Required<Pick<Codebook, 'reset'>>;

function canReset(codebook: Codebook): codebook is ResettableCodebook {
  return codebook.reset !== undefined;
}

/** @throws {ConfigError} when the tokenizer's quantizer has no codebook */
export function codebookOf({ quantizer }: ViTVQ, where: string): Codebook {
  if (quantizer.codebook) return quantizer.codebook;
  throw new ConfigError({
    where,
    expected: 'a quantizer with a codebook, which can start from data',
    got: quantizer.constructor.name,
    fix: 'Set codebook to { initializeFromData: false, reviveEvery: 0 }, or use a quantizer of kind vector.',
  });
}

/** @throws {ConfigError} when the tokenizer's quantizer does not count the use of its codes */
export function resettableCodebookOf(tokenizer: ViTVQ, where: string): ResettableCodebook {
  const codebook = codebookOf(tokenizer, where);
  if (canReset(codebook)) return codebook;
  throw new ConfigError({
    where,
    expected: 'a quantizer that counts the use of its codes',
    got: `${tokenizer.quantizer.constructor.name} without codebook.reset`,
    fix: 'Create it with trackUsage: true, or set codebook.reviveEvery to 0.',
  });
}

/**
 * Returns a function that lets codes start as features of the first batch and returns their number.
 * A codebook of noise lies off the features, so that few codes are ever chosen and the others get no
 * gradient. The function compiles.
 * @throws {ConfigError} when the tokenizer's quantizer has no codebook
 */
export function createCodebookInitialization(tokenizer: ViTVQ): CodebookUpdate {
  const codebook = codebookOf(tokenizer, 'createCodebookInitialization');
  return (images, uniform) =>
    tf.tidy(() => {
      codebook.initialize(tokenizer.latents(images), uniform);
      return tf.scalar(tokenizer.vocabSize);
    });
}

/**
 * Returns a function that replaces dead codes by features of a batch and returns how many there were.
 * The function compiles.
 * @throws {ConfigError} when the tokenizer's quantizer does not count the use of its codes
 */
export function createCodebookReset(tokenizer: ViTVQ): CodebookUpdate {
  const codebook = resettableCodebookOf(tokenizer, 'createCodebookReset');
  return (images, uniform) => tf.tidy(() => codebook.reset(tokenizer.latents(images), uniform));
}
