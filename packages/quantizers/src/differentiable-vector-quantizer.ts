import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import {
  Module,
  assertInRange,
  assertInteger,
  assertShape,
  checkOptions,
  detach,
  normalInitializer,
  type OptionTable,
} from '@vitvq/core';
import type { QuantizeContext, QuantizeResult, Quantizer, RandomKey } from '@vitvq/core';
import { z } from 'zod';
import { CodeTable } from './code-table.js';
import { assertNoise } from './internal/assert-noise.js';
import { nonNegative, tableSize } from './internal/config-schemas.js';
import { normalNoise, uniformCount } from './internal/normal-noise.js';
import { normalizeRows } from './internal/normalize-rows.js';
import { quantizeReal } from './internal/token-mask.js';
import type { QuantizerKind } from './quantizer-kind.js';

/** Options of a {@link DifferentiableVectorQuantizer}. */
export interface DifferentiableVectorQuantizerOptions {
  /** Number of codes, K. */
  readonly codebookSize: number;
  /** Width of a code, E. */
  readonly codeDim: number;
  /**
   * Standard deviation of each channel of the noise, sigma; at least 0, and small against the
   * distances of features from their codes.
   * @default 0.001, as in the authors' code
   */
  readonly noiseDeviation?: number;
  /** Draws the first codebook, N(0, 1). */
  readonly key: RandomKey;
  /**
   * Whether training counts how often each code is chosen, which `codebook.reset` needs.
   * @default false
   */
  readonly trackUsage?: boolean;
}

const differentiableVectorQuantizerOptionNames: OptionTable<DifferentiableVectorQuantizerOptions> = {
  codebookSize: 'required',
  codeDim: 'required',
  noiseDeviation: 'optional',
  key: 'required',
  trackUsage: 'optional',
};

/** Smallest squared distance that has a gradient, as 1e-12 is the smallest length in PyTorch. */
const minimumSquaredDistance = 1e-24;

/**
 * Nearest-neighbour quantizer that is differentiable (DiVeQ, arXiv:2509.26469): in training a
 * feature z with the nearest code c becomes z + |c - z| · sg[v / |v|], v = c - z + sigma · noise.
 * It lies as far from z as c does and, as the noise is small, next to c; the distance has a
 * gradient to the feature and to the code, so that the loss of the whole model trains both. Codes
 * are compared by Euclidean distance, without normalisation.
 *
 * Variables: `codebook` `[K, E]`; with `trackUsage` also `usage` `[K]`, not trainable.
 *
 * The loss is 0. In evaluation there is no noise, v = c - z, and `quantized` is c but for rounding.
 *
 * The authors' code gives `noise_var` to `torch.distributions.Normal`, which takes a deviation, so
 * that it is called that here. Its replacement of codes that are hardly used is `codebook.reset`,
 * which sets them to features instead of next to codes that are used. The space-filling variant of
 * the paper (SF-DiVeQ), which puts features between two codes, is left out.
 *
 * The tensor code has fixed shapes and can be compiled.
 */
export class DifferentiableVectorQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth = 1;
  readonly noiseDeviation: number;
  /** `quantized` has a gradient of its own, to `z` and to the codebook. */
  readonly gradient = 'own';
  readonly codebook: CodeTable;

  /** @throws {ConfigError} */
  constructor(options: DifferentiableVectorQuantizerOptions) {
    super();
    const name = 'DifferentiableVectorQuantizer';
    const {
      codebookSize,
      codeDim,
      noiseDeviation = 0.001,
      key,
      trackUsage = false,
    } = checkOptions(options, differentiableVectorQuantizerOptionNames, name, { allowOthers: true });
    assertInteger(codebookSize, 'codebookSize', name);
    assertInteger(codeDim, 'codeDim', name);
    assertInRange(noiseDeviation, 'noiseDeviation', name, 0);
    this.codebookSize = codebookSize;
    this.codeDim = codeDim;
    this.noiseDeviation = noiseDeviation;
    const weights = this.variable<tf.Rank.R2>('codebook', normalInitializer()(key, [codebookSize, codeDim]));
    const noUses = { shape: [codebookSize], data: new Float32Array(codebookSize) };
    const usage = trackUsage ? this.variable<tf.Rank.R1>('usage', noUses, { trainable: false }) : undefined;
    this.codebook = new CodeTable({ name, weights, normalize: false, usage });
  }

  /** Returns `[B, N, E]`, or one channel more where E is odd: uniform numbers for normal noise. */
  noiseShape(batch: number, tokens: number): readonly [number, number, number] {
    return [batch, tokens, uniformCount(this.codeDim)];
  }

  /**
   * Quantizes each vector to its nearest code, or in training to a point next to it.
   * @param z  encoder output, float32 `[B, N, E]`
   * @param context  training needs noise; noise in evaluation makes `quantized` random
   * @returns  `quantized` `[B, N, E]`; `indices` int32 `[B, N]` in `[0, K)`; `loss`, the scalar 0
   * @throws {ShapeError}
   * @throws {ConfigError} for training without noise
   */
  quantize(
    z: Tensor3D,
    { training = false, noise, mask }: QuantizeContext = {},
  ): QuantizeResult & { indices: Tensor2D } {
    const where = 'DifferentiableVectorQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to codeDim first.');
    const [batch, tokens] = z.shape;
    assertNoise(noise, training, this.noiseShape(batch, tokens), "[B, N, E'] (E' even)", where);
    return quantizeReal(z, mask, where, (real, weights) => {
      const { features, chosen, codes, indices } = this.codebook.lookUp(real, { gradient: 'straight-through' });
      if (training) this.codebook.count(chosen, weights);
      const quantized = this.#move(features, codes, noise);
      return { quantized: tf.reshape<tf.Rank.R3>(quantized, z.shape), indices, loss: tf.scalar(0) };
    });
  }

  /** Returns the codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    return this.codebook.decode(indices);
  }

  /** Returns the features `[rows, E]` moved as far as their codes are, about in their direction. */
  #move(features: Tensor2D, codes: Tensor2D, noise: Tensor | undefined): Tensor2D {
    const error = tf.sub<Tensor2D>(codes, features);
    const squares = tf.maximum(tf.sum(tf.square(error), 1, true), minimumSquaredDistance);
    const direction = noise
      ? tf.add<Tensor2D>(detach(error), tf.mul(this.#normal(noise, features.shape[0]), this.noiseDeviation))
      : detach(error);
    return tf.add(features, tf.mul(normalizeRows(direction), tf.sqrt(squares)));
  }

  #normal(noise: Tensor, rows: number): Tensor2D {
    return normalNoise(tf.reshape(noise, [rows, uniformCount(this.codeDim)]), this.codeDim);
  }
}

const schema = z.strictObject({
  ...tableSize,
  /** Standard deviation of each channel of the noise. @default 0.001 */
  noiseDeviation: nonNegative.optional(),
  /** Whether training counts the use of codes, which `codebook.reset` needs. @default false */
  trackUsage: z.boolean().optional(),
});

/** Kind `diveq`: one code a token, the nearest, reached by a differentiable step. */
export const differentiableVectorKind = {
  schema,
  create: (config, key) => new DifferentiableVectorQuantizer({ ...config, key }),
} satisfies QuantizerKind<typeof schema>;
