import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import {
  assertInRange,
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
import { passGradient, type CodeGradient } from './internal/code-gradient.js';
import { countCodes, nearestCodes, pickRows, toRows } from './internal/code-rows.js';
import { normalizeRows } from './internal/normalize-rows.js';
import { kMeans } from './k-means.js';

export interface VectorQuantizerOptions {
  /** Number of codes, K. */
  readonly codebookSize: number;
  /** Width of a code, E; the paper uses 32, and 8 to 32 serve as well (Table 4). */
  readonly codeDim: number;
  /** Weight of the commitment term. @default 0.25 */
  readonly beta?: number;
  /** Whether features and codes are l2-normalised before they are compared and returned. @default true */
  readonly normalize?: boolean;
  /** Draws the first codebook, N(0, 1). */
  readonly key: RandomKey;
  /** Whether `quantize(z, { training: true })` counts how often each code is chosen. @default false */
  readonly trackUsage?: boolean;
  /**
   * How `quantized` passes its gradient to `z`: `straight-through`, unchanged; `rotation`, turned and scaled as the vector
   * itself was when it became its code (rotation trick, arXiv:2410.06424), which keeps the angle between gradient and code.
   * @default 'straight-through'
   */
  readonly gradient?: CodeGradient;
}

export interface VectorQuantizeOptions {
  /** Adds the chosen codes to `usage`; without `trackUsage` it changes nothing. @default false */
  readonly training?: boolean;
}

export interface CodebookInitialization {
  /** Rounds of k-means that follow on the rows that were picked; at least 0. @default 0 */
  readonly kMeansIterations?: number;
}

/**
 * mean((sg[features] - codes)^2) + beta mean((features - sg[codes])^2). The two terms have the same value and differ in where
 * their gradients go: the first moves the codes, the second, the commitment term, the features.
 */
function quantizationLoss(features: Tensor2D, codes: Tensor2D, beta: number): Scalar {
  return tf.customGrad<Scalar>((...inputsAndSave) => {
    const [from, to, save] = inputsAndSave as [Tensor2D, Tensor2D, tf.GradSaveFunc];
    const difference = tf.sub(to, from);
    save([difference]);
    return {
      value: tf.mul(tf.mean(tf.square(difference)), 1 + beta),
      gradFunc: (dy, saved) => {
        const towardsFeatures = tf.mul(saved[0]!, tf.mul(dy, 2 / features.size));
        return [tf.mul(towardsFeatures, -beta), towardsFeatures];
      },
    };
  })(features, codes);
}

/**
 * Nearest-neighbour quantizer with factorized, l2-normalised codes (ViT-VQGAN, arXiv:2110.04627, section 3.2; symbol e). With
 * `normalize` the nearest code is the one with the largest cosine, and `quantized` holds codes of length 1; without, it is the
 * one at the smallest Euclidean distance.
 *
 * Variables: `codebook` `[K, E]`, as it is learned (not normalised); with `trackUsage` also `usage` `[K]`, not trainable.
 *
 * The loss is the paper's equation 1 with means over B·N·E instead of squared lengths, as in the reference. `beta` weighs the
 * commitment term, which moves the encoder, and the codebook term has weight 1; some public implementations, older versions
 * of the reference among them, weigh the wrong one. Against a codebook that collapses (Table 4) there are
 * `initializeFromData` and `reviveDeadCodes`, which paper and reference do without.
 *
 * Everything here is plain tensor code with fixed shapes and can be compiled. Gradients are of first order only.
 */
export class VectorQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly levels = 1;
  readonly beta: number;
  readonly normalize: boolean;
  readonly gradient: CodeGradient;
  readonly codebook: Variable<tf.Rank.R2>;
  /** How often each code was chosen since the last revival; undefined without `trackUsage`. */
  readonly usage: Variable<tf.Rank.R1> | undefined;

  /** @throws {ConfigError} */
  constructor({
    codebookSize,
    codeDim,
    beta = 0.25,
    normalize = true,
    key,
    trackUsage = false,
    gradient = 'straight-through',
  }: VectorQuantizerOptions) {
    super();
    assertInteger(codebookSize, 'codebookSize', 'VectorQuantizer');
    assertInteger(codeDim, 'codeDim', 'VectorQuantizer');
    assertInRange(beta, 'beta', 'VectorQuantizer', 0);
    this.codebookSize = codebookSize;
    this.codeDim = codeDim;
    this.beta = beta;
    this.normalize = normalize;
    this.gradient = gradient;
    this.codebook = this.variable('codebook', normalInitializer()(key, [codebookSize, codeDim]));
    this.usage = trackUsage
      ? this.variable('usage', { shape: [codebookSize], data: new Float32Array(codebookSize) }, { trainable: false })
      : undefined;
  }

  /**
   * @param z  encoder output, float32 `[B, N, E]`, of any scale
   * @returns  `quantized` `[B, N, E]`, its gradient reaching `z` as `gradient` says; `indices` int32 `[B, N]` in `[0, K)`; `loss`,
   *   scalar, a mean over B·N·E of normalised differences
   * @throws {ShapeError} when the last axis is not `codeDim`
   */
  quantize(z: Tensor3D, { training = false }: VectorQuantizeOptions = {}): QuantizeResult & { indices: Tensor2D } {
    assertShape(z, ['B', 'N', this.codeDim], 'VectorQuantizer.quantize', 'Project z to codeDim first.');
    const [batch, tokens] = z.shape;
    return tf.tidy(() => {
      const rows = tf.reshape<tf.Rank.R2>(z, [batch * tokens, this.codeDim]);
      const chosen = this.#nearest(detach(rows)); // [B·N]
      if (training) this.#count(chosen);
      const codes = this.#normalized(tf.gather<Tensor2D>(this.codebook, chosen));
      return {
        quantized: tf.reshape<tf.Rank.R3>(passGradient(rows, codes, this.gradient), z.shape),
        indices: tf.reshape<tf.Rank.R2>(chosen, [batch, tokens]),
        loss: quantizationLoss(this.#normalized(rows), codes, this.beta),
      };
    });
  }

  /** Codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    assertShape(indices, ['B', 'N'], 'VectorQuantizer.decode');
    return tf.tidy(() => {
      const codes = this.#normalized(tf.gather<Tensor2D>(this.codebook, tf.reshape(indices, [-1])));
      return tf.reshape<tf.Rank.R3>(codes, [...indices.shape, this.codeDim]);
    });
  }

  /**
   * Replaces the codebook by rows of `z`, so that every code starts where features are. A codebook drawn at random keeps only
   * the few codes that happen to lie next to the features of an untrained encoder.
   * @param z  features of a batch, `[..., E]`; with fewer rows than codes some codes start equal
   * @param uniform  noise `[K]` in [0, 1): code k takes a row from the k-th of K equal stretches of the batch
   * @throws {ShapeError}
   * @throws {ConfigError}
   */
  initializeFromData(z: Tensor, uniform: Tensor1D, { kMeansIterations = 0 }: CodebookInitialization = {}): void {
    const where = 'VectorQuantizer.initializeFromData';
    assertInteger(kMeansIterations, 'kMeansIterations', where, 0);
    tf.tidy(() => {
      const picked = this.#pickRows(z, uniform, where);
      const options = { iterations: kMeansIterations, normalize: this.normalize };
      this.codebook.assign(kMeansIterations > 0 ? kMeans(z, picked, options) : picked);
    });
  }

  /**
   * Replaces every code that was not chosen since the last call by a row of `z` and sets `usage` to 0. A code that is never
   * chosen has no gradient and would never move again.
   * @param z  features of a batch, `[..., E]`
   * @param uniform  noise `[K]` in [0, 1), as for `initializeFromData`
   * @returns  how many codes were replaced
   * @throws {ConfigError} without `trackUsage`
   * @throws {ShapeError}
   */
  reviveDeadCodes(z: Tensor, uniform: Tensor1D): Scalar {
    const { usage } = this;
    if (!usage) {
      throw new ConfigError({
        where: 'VectorQuantizer.reviveDeadCodes',
        expected: 'a quantizer that counts which codes are chosen',
        got: 'trackUsage: false',
        fix: 'Create it with trackUsage: true and call quantize(z, { training: true }).',
      });
    }
    return tf.tidy(() => {
      const rows = this.#pickRows(z, uniform, 'VectorQuantizer.reviveDeadCodes');
      const dead = tf.equal(usage, 0); // [K]
      this.codebook.assign(tf.where(tf.tile(tf.expandDims(dead, 1), [1, this.codeDim]), rows, this.codebook));
      const revived = tf.sum(tf.cast(dead, 'float32'));
      usage.assign(tf.zerosLike(usage));
      return revived as Scalar;
    });
  }

  #normalized(x: Tensor2D): Tensor2D {
    return this.normalize ? normalizeRows(x) : x;
  }

  #nearest(rows: Tensor2D): Tensor1D {
    return nearestCodes(this.#normalized(rows), this.#normalized(detach(this.codebook)), this.normalize);
  }

  #count(chosen: Tensor1D): void {
    if (this.usage) this.usage.assign(tf.add(this.usage, countCodes(chosen, this.codebookSize)));
  }

  #pickRows(z: Tensor, uniform: Tensor1D, where: string): Tensor2D {
    return pickRows(toRows(z, this.codeDim, where), uniform, this.codebookSize, where);
  }
}

/** Weights of the reference's `VectorQuantizer`. */
export function vectorQuantizerReferenceWeights(): ReferenceWeight[] {
  return [sameWeight('codebook', 'embedding.weight')];
}
