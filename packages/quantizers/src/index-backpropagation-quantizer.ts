import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  Module,
  assertInRange,
  assertInteger,
  assertShape,
  checkOptions,
  detach,
  inFullPrecision,
  normalInitializer,
  type OptionTable,
} from '@vitvq/core';
import type { QuantizeContext, QuantizeResult, Quantizer, RandomKey } from '@vitvq/core';
import { z } from 'zod';
import { CodeTable } from './code-table.js';
import { assertPositive } from './internal/assert-positive.js';
import { straightThrough } from './internal/code-gradient.js';
import { nonNegative, tableSize, temperature } from './internal/config-schemas.js';
import { entropy } from './internal/entropy.js';
import { meanOf, meanRow } from './internal/row-means.js';
import { quantizeReal } from './internal/token-mask.js';
import type { QuantizerKind } from './quantizer-kind.js';

/** Options of an {@link IndexBackpropagationQuantizer}. */
export interface IndexBackpropagationQuantizerOptions {
  /** Number of codes, K. */
  readonly codebookSize: number;
  /** Width of a code, E; the authors use 256. */
  readonly codeDim: number;
  /** Weight of mean((sg[z] - code)²), the authors' `beta`. @default 0.25 */
  readonly codebookWeight?: number;
  /** Weight of the entropy term; 0 spares its memory. @default 0.05 */
  readonly entropyWeight?: number;
  /**
   * Weight of the spread over all codes within the entropy term; certainty has weight 1.
   * @default 1
   */
  readonly diversityWeight?: number;
  /** Temperature of the probabilities in the entropy term; greater than 0. @default 0.01 */
  readonly entropyTemperature?: number;
  /** Draws the first codebook, N(0, 1). */
  readonly key: RandomKey;
}

const indexBackpropagationQuantizerOptionNames: OptionTable<IndexBackpropagationQuantizerOptions> = {
  codebookSize: 'required',
  codeDim: 'required',
  codebookWeight: 'optional',
  entropyWeight: 'optional',
  diversityWeight: 'optional',
  entropyTemperature: 'optional',
  key: 'required',
};

/**
 * Quantizer whose gradient reaches all codes (index backpropagation quantization, IBQ,
 * arXiv:2412.02692). The code of a vector is the one with the largest product z · code, not the
 * nearest one. `quantized` is that code; its gradient is that of the mixture of codes with the
 * weights p = softmax(z · codes), whose one-hot vector stands for p (straight-through estimator on
 * the index): it moves `z` and every code, in proportion to p.
 *
 * Variables: `codebook` `[K, E]`.
 *
 * The loss is the authors' double quantization loss, mean((quantized - z)²), with the gradient of
 * `quantized`, plus mean((sg[code] - z)²) plus `codebookWeight` mean((code - sg[z])²), means over
 * B·N·E; and `entropyWeight` times mean H[q(z)] + `diversityWeight` (ln K - H[mean q(z)]) over the
 * B·N tokens, in nats, with q(z) = softmax(z · codes / entropyTemperature).
 *
 * In the authors' code (SEED-Voken) as here the weight `beta` is on the term that moves codes, and
 * the commitment term has weight 1, so that the option is called `codebookWeight`. Deviations: the
 * constant ln K, with which the entropy term is at least 0; the authors add 1e-5 to mean
 * probabilities before they take the logarithm, which is much with many codes.
 * `codebook.initialize`, which the authors do without, sets codes to features.
 *
 * Memory grows with B·N·K. The tensor code has fixed shapes and can be compiled.
 */
export class IndexBackpropagationQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth = 1;
  readonly codebookWeight: number;
  readonly entropyWeight: number;
  readonly diversityWeight: number;
  readonly entropyTemperature: number;
  /** `quantized` has a gradient of its own, to `z` and to the codebook. */
  readonly gradient = 'own';
  readonly codebook: CodeTable;

  /** @throws {ConfigError} */
  constructor(options: IndexBackpropagationQuantizerOptions) {
    super();
    const name = 'IndexBackpropagationQuantizer';
    const {
      codebookSize,
      codeDim,
      codebookWeight = 0.25,
      entropyWeight = 0.05,
      diversityWeight = 1,
      entropyTemperature = 0.01,
      key,
    } = checkOptions(options, indexBackpropagationQuantizerOptionNames, name, { allowOthers: true });
    assertInteger(codebookSize, 'codebookSize', name);
    assertInteger(codeDim, 'codeDim', name);
    assertInRange(codebookWeight, 'codebookWeight', name, 0);
    assertInRange(entropyWeight, 'entropyWeight', name, 0);
    assertInRange(diversityWeight, 'diversityWeight', name, 0);
    assertPositive(entropyTemperature, 'entropyTemperature', name);
    this.codebookSize = codebookSize;
    this.codeDim = codeDim;
    this.codebookWeight = codebookWeight;
    this.entropyWeight = entropyWeight;
    this.diversityWeight = diversityWeight;
    this.entropyTemperature = entropyTemperature;
    const weights = this.variable<tf.Rank.R2>('codebook', normalInitializer()(key, [codebookSize, codeDim]));
    this.codebook = new CodeTable({ name, weights, normalize: false });
  }

  /**
   * Quantizes each vector to the code with the largest product.
   * @param z  encoder output, float32 `[B, N, E]`
   * @returns  `quantized` `[B, N, E]`, with the gradient of a mixture of codes; `indices` int32
   *   `[B, N]` in `[0, K)`; `loss`, scalar, at least 0
   * @throws {ShapeError} when the last axis is not `codeDim`
   */
  quantize(z: Tensor3D, { mask }: QuantizeContext = {}): QuantizeResult & { indices: Tensor2D } {
    const where = 'IndexBackpropagationQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to codeDim first.');
    const [batch, tokens] = z.shape;
    return quantizeReal(z, mask, where, (real, counted) => {
      const rows = tf.reshape<tf.Rank.R2>(real, [batch * tokens, this.codeDim]);
      const { weights } = this.codebook;
      const logits = inFullPrecision(() => tf.matMul<Tensor2D>(rows, weights, false, true)); // [B·N, K]
      const chosen = tf.argMax<Tensor1D>(detach(logits), 1); // [B·N]
      const oneHot = tf.cast<Tensor2D>(tf.oneHot(chosen, this.codebookSize) as Tensor2D, 'float32');
      const index = straightThrough(tf.softmax(logits), oneHot);
      const quantized = inFullPrecision(() => tf.matMul<Tensor2D>(index, weights)); // [B·N, E]
      const distance = this.#distance(rows, quantized, tf.gather<Tensor2D>(weights, chosen), counted);
      return {
        quantized: tf.reshape<tf.Rank.R3>(quantized, z.shape),
        indices: tf.reshape<tf.Rank.R2>(chosen, [batch, tokens]),
        loss:
          this.entropyWeight === 0
            ? distance
            : tf.add<Scalar>(distance, tf.mul(this.#entropy(logits, counted), this.entropyWeight)),
      };
    });
  }

  /** Returns the codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    return this.codebook.decode(indices);
  }

  /** Returns the double quantization loss; `codes` has the values of `quantized`. */
  #distance(features: Tensor2D, quantized: Tensor2D, codes: Tensor2D, counted?: Tensor1D): Scalar {
    return tf.addN<Scalar>([
      meanOf(tf.squaredDifference(quantized, features), counted),
      meanOf(tf.squaredDifference(detach(codes), features), counted),
      tf.mul<Scalar>(meanOf(tf.squaredDifference(codes, detach(features)), counted), this.codebookWeight),
    ]);
  }

  /** Returns the entropy term without its weight. */
  #entropy(logits: Tensor2D, counted?: Tensor1D): Scalar {
    const logProbabilities = tf.logSoftmax(tf.div<Tensor2D>(logits, this.entropyTemperature));
    const probabilities = tf.exp(logProbabilities);
    const choice = tf.neg(meanOf(tf.sum<Tensor1D>(tf.mul(probabilities, logProbabilities), 1), counted));
    const mean = meanRow(probabilities, counted); // [K]
    return tf.add(choice, tf.mul(tf.sub(Math.log(this.codebookSize), entropy(mean)), this.diversityWeight));
  }
}

const schema = z.strictObject({
  ...tableSize,
  /** Weight of the term that moves codes to features. @default 0.25 */
  codebookWeight: nonNegative.optional(),
  /** Weight of the entropy term. @default 0.05 */
  entropyWeight: nonNegative.optional(),
  /** Weight of the spread over all codes within the entropy term. @default 1 */
  diversityWeight: nonNegative.optional(),
  /** Temperature of the probabilities in the entropy term. @default 0.01 */
  entropyTemperature: temperature.optional(),
});

/** Kind `ibq`: one code a token, that of the largest product; all codes get gradients. */
export const indexBackpropagationKind = {
  schema,
  create: (config, key) => new IndexBackpropagationQuantizer({ ...config, key }),
} satisfies QuantizerKind<typeof schema>;
