import * as tf from '@tensorflow/tfjs-core';
import { assertShape, ConfigError } from '@vitvq/core';
import { crossEntropy } from '@vitvq/losses';
import { assertOwnTerms, type LossTerms } from '@vitvq/training';
import type { Conditions, ImageTokens } from '@vitvq/transformers';
import { z } from 'zod';

/** What the terms of the loss see of a batch. */
export interface TransformerLossInputs {
  /** `[B, N, V]` (`[B, N, L, V]` with a code depth L above 1). */
  readonly logits: tf.Tensor;
  /** Tokens that the logits are to predict, `[B, N]` or `[B, N, L]`. */
  readonly tokens: ImageTokens;
  /**
   * float32 `[B, N]`: 1 where a masked model predicts a token, 0 where it was shown it; undefined
   * where all tokens are predicted.
   */
  readonly weights?: tf.Tensor2D;
  readonly conditions: Conditions;
}

/** Weights of the built-in terms. */
export interface TransformerLossWeights {
  /**
   * Cross-entropy of the predicted tokens in nats (arXiv:2110.04627, equation 2, a mean over tokens
   * and codes instead of a sum): all of them, or the unknown ones of a masked model.
   * @default 1
   */
  readonly crossEntropy?: number;
  /**
   * Cross-entropy of each of the L codes of a token alone, coarse to fine, as values
   * `crossEntropyOfLevel1` and so on; L weights, or none.
   * @default []
   */
  readonly crossEntropyOfLevels?: readonly number[];
}

const weight = z.number().min(0);

/** Schema of {@link TransformerLossWeights}; it fills in the defaults. */
export const transformerLossWeightsSchema = z.strictObject({
  crossEntropy: weight.default(1),
  crossEntropyOfLevels: z.array(weight).default([]),
});

/** Term in use. */
export interface ActiveTerm {
  readonly name: string;
  readonly weight: number;
  readonly compute: (inputs: TransformerLossInputs) => tf.Scalar;
}

/**
 * Returns the terms of a transformer's loss whose weight is above 0: one row a term, built-in ones
 * first, then the caller's.
 * @param codeDepth  number of codes a token
 * @throws {ConfigError} for weights and names that do not fit, and without a term
 */
export function transformerLossTerms(
  codeDepth: number,
  weights: TransformerLossWeights,
  losses: LossTerms<TransformerLossInputs>,
  where: string,
): ActiveTerm[] {
  const { crossEntropy: ofAll = 1, crossEntropyOfLevels: ofLevels = [] } = weights;
  if (ofLevels.length > 0 && (codeDepth === 1 || ofLevels.length !== codeDepth)) {
    throw new ConfigError({
      where: `${where} losses.crossEntropyOfLevels`,
      expected: codeDepth === 1 ? 'no weights for a model of one code a token' : `${codeDepth} weights`,
      got: String(ofLevels.length),
    });
  }
  const rows: ActiveTerm[] = [
    {
      name: 'crossEntropy',
      weight: ofAll,
      compute: ({ logits, tokens, weights }) => crossEntropy(logits, tokens, weights),
    },
    ...ofLevels.map((levelWeight, level) => ({
      name: `crossEntropyOfLevel${level + 1}`,
      weight: levelWeight,
      compute: ({ logits, tokens }: TransformerLossInputs) =>
        crossEntropy(codeOf(logits, level), codeOf(tokens, level)),
    })),
  ];
  assertOwnTerms(losses, [...rows.map(({ name }) => name), ...valueNames], where);
  const terms = [
    ...rows.filter((term) => term.weight > 0),
    ...Object.entries(losses).map(([name, term]) => ({ name, ...term })),
  ];
  if (terms.length === 0) {
    throw new ConfigError({ where: `${where} losses`, expected: 'a term with a weight above 0', got: 'none' });
  }
  return terms;
}

/** Names of values that a transformer's training logs besides its terms. */
const valueNames: readonly string[] = [
  'loss',
  'bitsPerToken',
  'perplexity',
  'gradientNorm',
  'learningRate',
  'natsPerToken',
  'unigramNatsPerToken',
];

/** Returns one of the L codes of each token, or its logits: axis 2 at `level`. */
function codeOf(values: tf.Tensor, level: number): tf.Tensor {
  const begin = values.shape.map((_, axis) => (axis === 2 ? level : 0));
  const size = values.shape.map((length, axis) => (axis === 2 ? 1 : length));
  return tf.slice(values, begin, size);
}

/**
 * Returns each term's value and their weighted sum as `loss`.
 * @throws {ShapeError} for a term that is no scalar
 */
export function computeTerms(terms: readonly ActiveTerm[], inputs: TransformerLossInputs): Record<string, tf.Scalar> {
  const values = Object.fromEntries(terms.map(({ name, compute }) => [name, compute(inputs)]));
  for (const [name, value] of Object.entries(values)) assertShape(value, [], `the term ${name}`, 'Return a scalar.');
  const loss = terms
    .map(({ name, weight: factor }) => (factor === 1 ? values[name]! : tf.mul<tf.Scalar>(values[name]!, factor)))
    .reduce((sum, term) => tf.add<tf.Scalar>(sum, term));
  return { loss, ...values };
}
