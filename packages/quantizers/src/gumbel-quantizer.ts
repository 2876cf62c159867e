import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import {
  assertInteger,
  assertShape,
  ConfigError,
  detach,
  Module,
  normalInitializer,
  sameWeight,
  type QuantizeResult,
  type Quantizer,
  type RandomKey,
  type ReferenceWeight,
} from '@vitvq/core';
import { straightThrough } from './internal/code-gradient.js';
import { normalizeRows } from './internal/normalize-rows.js';

export interface GumbelQuantizerOptions {
  /** Number of codes, K. */
  readonly codebookSize: number;
  /** Width of a code, E. */
  readonly codeDim: number;
  /** Temperature where `quantize` is given none; greater than 0. @default 1 */
  readonly temperature?: number;
  /** Whether features and codes are l2-normalised before they are compared and returned. @default true */
  readonly normalize?: boolean;
  /** Draws the first codebook, N(0, 1). */
  readonly key: RandomKey;
}

export interface GumbelQuantizeOptions {
  /** Soft mixtures of codes, with noise; otherwise one code each. @default false */
  readonly training?: boolean;
  /** Gumbel noise `[B, N, K]` for the logits, see `gumbelNoise`; required in training, none otherwise. */
  readonly noise?: Tensor3D;
  /** Greater than 0; as a tensor `[]` it may change from step to step in compiled code. @default the quantizer's */
  readonly temperature?: number | Scalar;
}

/**
 * Standard Gumbel noise, -log(-log(u)), from numbers that are uniform in [0, 1). Numbers within 2^-25 of 0 and 2^-24 of 1
 * count as that far off, so that the noise is finite.
 */
export function gumbelNoise<T extends Tensor>(uniform: T): T {
  return tf.tidy(() => tf.neg(tf.log(tf.neg(tf.log(tf.clipByValue(uniform, 2 ** -25, 1 - 2 ** -24))))));
}

/**
 * Quantizer that draws codes in proportion to softmax(-distance²), relaxed so that gradients exist (Gumbel-softmax,
 * arXiv:1611.01144; as in DALL-E, arXiv:2102.12092): in training `quantized` is the mixture of codes with the weights
 * softmax((logits + noise) / temperature), otherwise the most probable code. The smaller the temperature, the nearer the
 * mixture is to one code; lower it over the training, for example with `exponentialDecaySchedule` of @vitvq/optim.
 *
 * Variables: `codebook` `[K, E]`, as it is learned (not normalised).
 *
 * The loss is the divergence of softmax(logits), without noise and temperature, from equally probable codes, a mean over
 * B·N, as in the reference; nothing else keeps codes in use. Deviation: the reference draws noise in evaluation too, so that
 * its codes are random there; here they are the same every time unless the caller passes noise.
 *
 * Plain tensor code with fixed shapes. Gradients are of first order where codes are hard, of any order otherwise.
 */
export class GumbelQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly levels = 1;
  readonly temperature: number;
  readonly normalize: boolean;
  /** `quantized` has a gradient of its own, to `z` and to the codebook. */
  readonly gradient = 'own';
  readonly codebook: Variable<tf.Rank.R2>;

  /** @throws {ConfigError} */
  constructor({ codebookSize, codeDim, temperature = 1, normalize = true, key }: GumbelQuantizerOptions) {
    super();
    assertInteger(codebookSize, 'codebookSize', 'GumbelQuantizer');
    assertInteger(codeDim, 'codeDim', 'GumbelQuantizer');
    assertTemperature(temperature, 'GumbelQuantizer');
    this.codebookSize = codebookSize;
    this.codeDim = codeDim;
    this.temperature = temperature;
    this.normalize = normalize;
    this.codebook = this.variable('codebook', normalInitializer()(key, [codebookSize, codeDim]));
  }

  /**
   * @param z  encoder output, float32 `[B, N, E]`, of any scale
   * @returns  `quantized` `[B, N, E]`: mixtures of codes in training, codes otherwise, with the gradient of the mixture in
   *   both cases; `indices` int32 `[B, N]`, the code of the greatest weight; `loss`, scalar, at least 0
   * @throws {ShapeError}
   * @throws {ConfigError} for training without noise, and for a temperature that is not positive
   */
  quantize(
    z: Tensor3D,
    { training = false, noise, temperature = this.temperature }: GumbelQuantizeOptions = {},
  ): QuantizeResult & { indices: Tensor2D } {
    const where = 'GumbelQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to codeDim first.');
    const [batch, tokens] = z.shape;
    if (noise) assertShape(noise, [batch, tokens, this.codebookSize], `${where}, noise`);
    else if (training) {
      throw new ConfigError({
        where,
        expected: 'noise [B, N, K] in training',
        got: 'none',
        fix: 'Pass noise: gumbelNoise(uniform) with uniform numbers of a random key.',
      });
    }
    if (typeof temperature === 'number') assertTemperature(temperature, where);
    else assertShape(temperature, [], `${where}, temperature`);
    return tf.tidy(() => {
      const rows = this.#normalized(tf.reshape<tf.Rank.R2>(z, [batch * tokens, this.codeDim]));
      const codes = this.#normalized(this.codebook);
      const logits = this.#logits(rows, codes); // [B·N, K]
      const noisy = noise ? tf.add(logits, tf.reshape<tf.Rank.R2>(noise, logits.shape)) : logits;
      const soft = tf.softmax(tf.div<Tensor2D>(noisy, temperature));
      const chosen = tf.argMax<Tensor1D>(detach(noisy), 1); // [B·N]
      const weights = training
        ? soft
        : straightThrough(soft, tf.cast<Tensor2D>(tf.oneHot(chosen, this.codebookSize) as Tensor2D, 'float32'));
      const logProbabilities = tf.logSoftmax(logits);
      const surprise = tf.mul(tf.exp(logProbabilities), tf.add(logProbabilities, Math.log(this.codebookSize)));
      return {
        quantized: tf.reshape<tf.Rank.R3>(tf.matMul(weights, codes), z.shape),
        indices: tf.reshape<tf.Rank.R2>(chosen, [batch, tokens]),
        // Rounding may leave a uniform distribution just below 0.
        loss: tf.relu(tf.mean<Scalar>(tf.sum(surprise, 1))),
      };
    });
  }

  /** Codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    assertShape(indices, ['B', 'N'], 'GumbelQuantizer.decode');
    return tf.tidy(() => {
      const codes = this.#normalized(tf.gather<Tensor2D>(this.codebook, tf.reshape(indices, [-1])));
      return tf.reshape<tf.Rank.R3>(codes, [...indices.shape, this.codeDim]);
    });
  }

  #normalized(x: Tensor2D): Tensor2D {
    return this.normalize ? normalizeRows(x) : x;
  }

  /** -distance², without what is the same for all codes of a row and cancels in the softmax. */
  #logits(rows: Tensor2D, codes: Tensor2D): Tensor2D {
    const products = tf.mul<Tensor2D>(tf.matMul(rows, codes, false, true), 2);
    return this.normalize ? products : tf.sub(products, tf.sum(tf.square(codes), 1));
  }
}

function assertTemperature(temperature: number, where: string): void {
  if (!Number.isFinite(temperature) || temperature <= 0) {
    throw new ConfigError({
      where,
      expected: 'temperature to be a finite number above 0',
      got: String(temperature),
    });
  }
}

/** Weights of the reference's `GumbelQuantizer`. */
export function gumbelQuantizerReferenceWeights(): ReferenceWeight[] {
  return [sameWeight('codebook', 'embedding.weight')];
}
