import * as tf from '@tensorflow/tfjs-core';
import { assertMembers, ConfigError, type Codebook } from '@vitvq/core';
import type { VQTokenizer } from '@vitvq/tokenizer';

/**
 * Sets codes to features of a batch and returns how many; `uniform` in [0, 1), a number for each
 * code of each table, picks the features. Plain tensor code, which compiles.
 */
export type CodebookUpdate = (images: tf.Tensor4D, uniform: tf.Tensor1D) => tf.Scalar;

type ResettableCodebook = Codebook & Required<Pick<Codebook, 'reset'>>;

function canReset(codebook: Codebook): codebook is ResettableCodebook {
  return codebook.reset !== undefined;
}

/** @throws {ConfigError} when the tokenizer's quantizer has no codebook */
function codebookOf(tokenizer: VQTokenizer, where: string): Codebook {
  assertMembers(tokenizer, ['quantizer', 'latents'], 'the tokenizer', where);
  const { quantizer } = tokenizer;
  if (quantizer.codebook) return quantizer.codebook;
  throw new ConfigError({
    where,
    expected: 'a quantizer with a codebook, which can start from data',
    got: quantizer.constructor.name,
    fix: 'Set codebook to { initializeFromData: false, resetEvery: 0 }, or use a quantizer that learns its codes.',
  });
}

/** @throws {ConfigError} when the tokenizer's quantizer does not count the use of its codes */
function resettableCodebookOf(tokenizer: VQTokenizer, where: string): ResettableCodebook {
  const codebook = codebookOf(tokenizer, where);
  if (canReset(codebook)) return codebook;
  throw new ConfigError({
    where,
    expected: 'a quantizer that counts the use of its codes',
    got: `${tokenizer.quantizer.constructor.name} without codebook.reset`,
    fix: 'Create it with trackUsage: true, or set codebook.resetEvery to 0.',
  });
}

/**
 * Creates a function that sets all codes to features of a batch.
 * A codebook of noise lies off the features, so that few codes are ever chosen and the others get
 * no gradient. The function compiles.
 * @throws {ConfigError} when the tokenizer's quantizer has no codebook
 */
export function createCodebookInitialization(tokenizer: VQTokenizer): CodebookUpdate {
  const codebook = codebookOf(tokenizer, 'createCodebookInitialization');
  return (images, uniform) =>
    tf.tidy(() => {
      codebook.initialize(tokenizer.latents(images), uniform);
      return tf.scalar(codebook.tables.reduce((sum, { size }) => sum + size, 0));
    });
}

/**
 * Creates a function that sets codes which nothing chose since the last reset to features of a
 * batch, and counts anew. The function compiles.
 * @throws {ConfigError} when the tokenizer's quantizer does not count the use of its codes
 */
export function createCodebookReset(tokenizer: VQTokenizer): CodebookUpdate {
  const codebook = resettableCodebookOf(tokenizer, 'createCodebookReset');
  return (images, uniform) => tf.tidy(() => codebook.reset(tokenizer.latents(images), uniform));
}
