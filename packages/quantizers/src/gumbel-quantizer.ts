import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  Module,
  assertInteger,
  assertShape,
  checkOptions,
  detach,
  inFullPrecision,
  normalInitializer,
  sameWeight,
  type OptionTable,
} from '@vitvq/core';
import type { QuantizeContext, QuantizeResult, Quantizer, RandomKey, ReferenceWeight } from '@vitvq/core';
import { z } from 'zod';
import { CodeTable } from './code-table.js';
import { gumbelNoise } from './gumbel-noise.js';
import { assertNoise } from './internal/assert-noise.js';
import { assertPositive } from './internal/assert-positive.js';
import { assertTemperature } from './internal/assert-temperature.js';
import { straightThrough } from './internal/code-gradient.js';
import { negativeDistances } from './internal/code-rows.js';
import { tableSize, temperature as temperatureSchema } from './internal/config-schemas.js';
import { meanOf } from './internal/row-means.js';
import { quantizeReal } from './internal/token-mask.js';
import type { QuantizerKind } from './quantizer-kind.js';

/** Options of a {@link GumbelQuantizer}. */
export interface GumbelQuantizerOptions {
  /** Number of codes, K. */
  readonly codebookSize: number;
  /** Width of a code, E. */
  readonly codeDim: number;
  /** Temperature where `quantize` is given none; greater than 0. @default 1 */
  readonly temperature?: number;
  /**
   * Whether features and codes are l2-normalised before they are compared and returned.
   * @default true
   */
  readonly normalize?: boolean;
  /** Draws the first codebook, N(0, 1). */
  readonly key: RandomKey;
  /**
   * What the context's noise is: `uniform` numbers, of which the quantizer makes Gumbel noise, or
   * `gumbel` noise itself, for comparisons with noise that was recorded elsewhere.
   * @default 'uniform'
   */
  readonly noise?: 'uniform' | 'gumbel';
}

const gumbelQuantizerOptionNames: OptionTable<GumbelQuantizerOptions> = {
  codebookSize: 'required',
  codeDim: 'required',
  temperature: 'optional',
  normalize: 'optional',
  key: 'required',
  noise: 'optional',
};

/**
 * Quantizer that draws codes in proportion to softmax(-distance²), relaxed so that gradients exist
 * (Gumbel-softmax, arXiv:1611.01144; as in DALL-E, arXiv:2102.12092). In training `quantized` is
 * the mixture of codes with the weights softmax((logits + noise) / temperature), otherwise the most
 * probable code. The smaller the temperature, the nearer the mixture is to one code; lower it over
 * the training, for example with `exponentialDecaySchedule` of @vitvq/optim.
 *
 * Variables: `codebook` `[K, E]`, as it is learned (not normalised).
 *
 * The loss is the divergence of softmax(logits), without noise and temperature, from equally
 * probable codes, a mean over B·N, as in the reference; nothing else keeps codes in use. Deviation:
 * the reference draws noise in evaluation too, so that its codes are random there; here they are
 * the same every time unless the caller passes noise.
 *
 * The tensor code has fixed shapes and can be compiled. Gradients are of first order where codes
 * are hard, of any order otherwise.
 */
export class GumbelQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth = 1;
  readonly temperature: number;
  /** `quantized` has a gradient of its own, to `z` and to the codebook. */
  readonly gradient = 'own';
  readonly codebook: CodeTable;
  readonly #noise: 'uniform' | 'gumbel';

  /** @throws {ConfigError} */
  constructor(options: GumbelQuantizerOptions) {
    super();
    const {
      codebookSize,
      codeDim,
      temperature = 1,
      normalize = true,
      key,
      noise = 'uniform',
    } = checkOptions(options, gumbelQuantizerOptionNames, 'GumbelQuantizer', { allowOthers: true });
    const name = 'GumbelQuantizer';
    assertInteger(codebookSize, 'codebookSize', name);
    assertInteger(codeDim, 'codeDim', name);
    assertPositive(temperature, 'temperature', name);
    this.codebookSize = codebookSize;
    this.codeDim = codeDim;
    this.temperature = temperature;
    this.#noise = noise;
    const weights = this.variable<tf.Rank.R2>('codebook', normalInitializer()(key, [codebookSize, codeDim]));
    this.codebook = new CodeTable({ name, weights, normalize });
  }

  /** Returns `[B, N, K]`: one number a token and code. */
  noiseShape(batch: number, tokens: number): readonly [number, number, number] {
    return [batch, tokens, this.codebookSize];
  }

  /**
   * Mixes codes in training, chooses the most probable code otherwise.
   * @param z  encoder output, float32 `[B, N, E]`, of any scale
   * @param context  in training it needs noise; noise in evaluation makes the choice random
   * @returns  `quantized` `[B, N, E]`: mixtures of codes in training, codes otherwise, with the
   *   gradient of the mixture in both cases; `indices` int32 `[B, N]`, the code of the greatest
   *   weight; `loss`, scalar, at least 0
   * @throws {ShapeError}
   * @throws {ConfigError} for training without noise, and for a temperature that is not positive
   */
  quantize(
    z: Tensor3D,
    { training = false, noise, temperature = this.temperature, mask }: QuantizeContext = {},
  ): QuantizeResult & { indices: Tensor2D } {
    const where = 'GumbelQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to codeDim first.');
    const [batch, tokens] = z.shape;
    assertNoise(noise, training, this.noiseShape(batch, tokens), '[B, N, K]', where);
    assertTemperature(temperature, where);
    return quantizeReal(z, mask, where, (real, counted) => {
      const rows = this.codebook.normalize(tf.reshape<tf.Rank.R2>(real, [batch * tokens, this.codeDim]));
      const codes = this.codebook.normalize(this.codebook.weights);
      const logits = negativeDistances(rows, codes, this.codebook.normalized); // [B·N, K]
      const noisy = noise ? tf.add(logits, this.#gumbel(tf.reshape<tf.Rank.R2>(noise, logits.shape))) : logits;
      const soft = tf.softmax(tf.div<Tensor2D>(noisy, temperature));
      const chosen = tf.argMax<Tensor1D>(detach(noisy), 1); // [B·N]
      const weights = training
        ? soft
        : straightThrough(soft, tf.cast<Tensor2D>(tf.oneHot(chosen, this.codebookSize) as Tensor2D, 'float32'));
      return {
        quantized: tf.reshape<tf.Rank.R3>(
          inFullPrecision(() => tf.matMul(weights, codes)),
          z.shape,
        ),
        indices: tf.reshape<tf.Rank.R2>(chosen, [batch, tokens]),
        loss: this.#divergence(logits, counted),
      };
    });
  }

  /** Returns the codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    return this.codebook.decode(indices);
  }

  #gumbel(noise: Tensor2D): Tensor2D {
    return this.#noise === 'gumbel' ? noise : gumbelNoise(noise);
  }

  #divergence(logits: Tensor2D, counted?: Tensor1D): Scalar {
    const logProbabilities = tf.logSoftmax(logits);
    const surprise = tf.mul(tf.exp(logProbabilities), tf.add(logProbabilities, Math.log(this.codebookSize)));
    // Rounding may leave a uniform distribution just below 0.
    return tf.relu(meanOf(tf.sum<Tensor1D>(surprise, 1), counted));
  }
}

/** Returns where the reference's `GumbelQuantizer` keeps the weights. */
export function gumbelQuantizerReferenceWeights(): ReferenceWeight[] {
  return [sameWeight('codebook', 'embedding.weight')];
}

const schema = z.strictObject({
  ...tableSize,
  /** Temperature where a training's plan gives none. @default 1 */
  temperature: temperatureSchema.optional(),
  /** Whether features and codes are l2-normalised. @default true */
  normalize: z.boolean().optional(),
});

/** Kind `gumbel`: one code a token, mixed by random weights in training. */
export const gumbelKind = {
  schema,
  create: (config, key) => new GumbelQuantizer({ ...config, key }),
  referenceWeights: gumbelQuantizerReferenceWeights,
} satisfies QuantizerKind<typeof schema>;
