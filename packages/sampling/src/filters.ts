import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';

/** How probabilities are made of logits before a token is drawn. */
export interface FilterOptions {
  /** Above 0; logits are divided by it. Below 1 the likely becomes likelier. @default 1 */
  readonly temperature?: number;
  /** Keeps the k most likely tokens, and those as likely as the k-th. In `[1, V]`. @default all */
  readonly topK?: number;
  /**
   * Keeps the fewest most likely tokens whose probabilities sum to at least this ("nucleus",
   * Holtzman et al. 2020), and those as likely as the least of them. In (0, 1]. @default 1, all
   */
  readonly topP?: number;
}

/**
 * Filter options as a compiled function takes them: `topK` is part of the program, the others are
 * tensors.
 */
export interface FilterTensors {
  readonly temperature: Scalar;
  readonly topK?: number;
  readonly topP?: Scalar;
}

/** Throws for a filter that cannot work. @throws {ConfigError} */
export function assertFilters({ temperature = 1, topK, topP }: FilterOptions, vocabSize: number, where: string): void {
  if (!(temperature > 0) || !Number.isFinite(temperature)) {
    throw new ConfigError({
      where,
      expected: 'temperature to be a finite number above 0',
      got: String(temperature),
      fix: 'For the most likely token use topK: 1.',
    });
  }
  if (topK !== undefined && (!Number.isInteger(topK) || topK < 1 || topK > vocabSize)) {
    throw new ConfigError({
      where,
      expected: `topK to be an integer in [1, ${vocabSize}], the size of the vocabulary`,
      got: String(topK),
      fix: 'Leave it out to keep all tokens.',
    });
  }
  if (topP !== undefined && !(topP > 0 && topP <= 1)) {
    throw new ConfigError({
      where,
      expected: 'topP to be in (0, 1]',
      got: String(topP),
      fix: 'Leave it out to keep all tokens.',
    });
  }
}

/** Float32 has smaller numbers, but engines may take those for 0. */
const smallest = 1e-30;

/**
 * Returns a temperature that float32 tensors can hold. Near 0 only the most likely token is drawn.
 */
export function clampTemperature(temperature: number): number {
  return Math.min(Math.max(temperature, smallest), 3e38);
}

/** Returns a `topP` that float32 tensors can hold. The smallest one keeps the most likely token. */
export function clampTopP(topP: number): number {
  return Math.max(topP, smallest);
}

/**
 * Returns the probabilities that a token is drawn from. Applies, in the order of the reference,
 * temperature, top-k, softmax and top-p, and scales the rest to a sum of 1. Tokens of equal
 * probability are kept or dropped together, so that the result does not depend on their order; the
 * reference cuts through ties of top-p in the order that its sort gives.
 * @param logits  `[B, V]`
 * @throws {ConfigError} for a filter that cannot work
 */
export function filterLogits(logits: Tensor2D, { temperature = 1, topK, topP }: FilterOptions = {}): Tensor2D {
  assertFilters({ temperature, topK, topP }, logits.shape[1], 'filterLogits');
  return tf.tidy(() =>
    filteredProbabilities(logits, {
      temperature: tf.scalar(clampTemperature(temperature)),
      topK,
      topP: topP === undefined || topP === 1 ? undefined : tf.scalar(clampTopP(topP)),
    }),
  );
}

/** {@link filterLogits} as plain tensor code, for compiled functions. */
export function filteredProbabilities(logits: Tensor2D, { temperature, topK, topP }: FilterTensors): Tensor2D {
  const vocabSize = logits.shape[1];
  // The largest becomes 0, so that no temperature makes an infinity of it.
  const scaled = tf.div(tf.sub(logits, tf.max(logits, 1, true)), temperature);
  let kept: tf.Tensor = scaled;
  if (topK !== undefined && topK < vocabSize) {
    const least = tf.min(tf.topk(scaled, topK, false).values, 1, true); // [B, 1]
    kept = tf.where(tf.greaterEqual(scaled, least), scaled, tf.fill(scaled.shape, -Infinity));
  }
  const probabilities = tf.softmax(kept) as Tensor2D;
  if (!topP) return probabilities;
  const sorted = tf.topk(probabilities, vocabSize, true).values;
  const before = tf.cumsum(sorted, 1, true); // what more likely tokens sum to: 0 for the first
  const least = tf.min(tf.where(tf.less(before, topP), sorted, tf.onesLike(sorted)), 1, true);
  const nucleus = tf.where(tf.greaterEqual(probabilities, least), probabilities, tf.zerosLike(probabilities));
  return tf.div(nucleus, tf.sum(nucleus, 1, true));
}

/** The largest share of a float32 sum that is below it. */
const belowOne = 1 - 2 ** -23;

/**
 * Draws a token a row: the first whose cumulative probability is above `uniform` (inversion). A
 * token of probability 0 is never drawn.
 * @param probabilities  `[B, V]`; their sum need not be 1
 * @param uniform  `[B]` in [0, 1)
 * @returns int32 `[B]`; V, which is no token, where there are no probabilities but NaN
 */
export function drawTokens(probabilities: Tensor2D, uniform: Tensor1D): Tensor1D {
  return tf.tidy(() => {
    const cumulative = tf.cumsum(probabilities, 1);
    const vocabSize = probabilities.shape[1];
    const total = tf.slice(cumulative, [0, vocabSize - 1], [-1, 1]); // [B, 1]
    const target = tf.mul(tf.minimum(tf.expandDims(uniform, 1), belowOne), total);
    // Nothing is greater than NaN, or greater than a target that is NaN.
    const later = tf.sum(tf.cast(tf.greater(cumulative, target), 'int32'), 1);
    return tf.sub<Tensor1D>(tf.scalar(vocabSize, 'int32'), later);
  });
}
