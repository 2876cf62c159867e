import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Variable } from '@tensorflow/tfjs-core';
import {
  assertInRange,
  assertInteger,
  assertShape,
  detach,
  Module,
  normalInitializer,
  type QuantizeResult,
  type Quantizer,
} from '@vitvq/core';
import { passGradient, type CodeGradient } from './internal/code-gradient.js';
import { countCodes, nearestCodes, pickRows, toRows } from './internal/code-rows.js';
import { normalizeRows } from './internal/normalize-rows.js';
import { kMeans } from './k-means.js';
import type { CodebookInitialization, VectorQuantizeOptions, VectorQuantizerOptions } from './vector-quantizer.js';

export interface MovingAverageQuantizerOptions extends Omit<VectorQuantizerOptions, 'trackUsage'> {
  /** Share of the averages that stays at each update, in [0, 1). @default 0.99 */
  readonly decay?: number;
}

/**
 * Nearest-neighbour quantizer whose codes are moving averages of the features that chose them, instead of being moved by an
 * optimizer (VQ-VAE, arXiv:1711.00937, appendix A.1). `quantize(z, { training: true })` updates them, after it has chosen, so
 * that `quantized` holds the codes from before.
 *
 * Variables, none of them trainable: `codebook` `[K, E]`, `clusterSize` `[K]` and `codeSums` `[K, E]`, the averages of how
 * many features chose a code and of their sum. With `normalize` features count with length 1.
 *
 * The loss is the commitment term alone, `beta` mean((z - sg[codes])²). Deviation: a code moves only in a step in which it is
 * chosen, when its average count cannot be 0; so the Laplace smoothing of the counts, which other implementations need and which
 * draws rare codes towards 0, is left out.
 */
export class MovingAverageQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly levels = 1;
  readonly beta: number;
  readonly normalize: boolean;
  readonly gradient: CodeGradient;
  readonly decay: number;
  readonly codebook: Variable<tf.Rank.R2>;
  readonly clusterSize: Variable<tf.Rank.R1>;
  readonly codeSums: Variable<tf.Rank.R2>;

  /** @throws {ConfigError} */
  constructor({
    codebookSize,
    codeDim,
    beta = 0.25,
    normalize = true,
    key,
    gradient = 'straight-through',
    decay = 0.99,
  }: MovingAverageQuantizerOptions) {
    super();
    const where = 'MovingAverageQuantizer';
    assertInteger(codebookSize, 'codebookSize', where);
    assertInteger(codeDim, 'codeDim', where);
    assertInRange(beta, 'beta', where, 0);
    assertInRange(decay, 'decay', where, 0, 1 - 2 ** -20);
    this.codebookSize = codebookSize;
    this.codeDim = codeDim;
    this.beta = beta;
    this.normalize = normalize;
    this.gradient = gradient;
    this.decay = decay;
    const codes = normalInitializer()(key, [codebookSize, codeDim]);
    const state = { trainable: false };
    this.codebook = this.variable('codebook', codes, state);
    const counts = { shape: [codebookSize], data: new Float32Array(codebookSize).fill(1) };
    this.clusterSize = this.variable('clusterSize', counts, state);
    this.codeSums = this.variable('codeSums', codes, state);
  }

  /**
   * @param z  encoder output, float32 `[B, N, E]`, of any scale
   * @returns  `quantized` `[B, N, E]`, its gradient reaching `z` as `gradient` says; `indices` int32 `[B, N]` in `[0, K)`; `loss`,
   *   scalar
   * @throws {ShapeError}
   */
  quantize(z: Tensor3D, { training = false }: VectorQuantizeOptions = {}): QuantizeResult & { indices: Tensor2D } {
    assertShape(z, ['B', 'N', this.codeDim], 'MovingAverageQuantizer.quantize', 'Project z to codeDim first.');
    const [batch, tokens] = z.shape;
    return tf.tidy(() => {
      const rows = tf.reshape<tf.Rank.R2>(z, [batch * tokens, this.codeDim]);
      const features = this.#normalized(rows);
      const constant = detach(features);
      const chosen = nearestCodes(constant, this.#normalized(detach(this.codebook)), this.normalize); // [B·N]
      const codes = this.#normalized(tf.gather<Tensor2D>(detach(this.codebook), chosen));
      if (training) this.#update(constant, chosen);
      return {
        quantized: tf.reshape<tf.Rank.R3>(passGradient(rows, codes, this.gradient), z.shape),
        indices: tf.reshape<tf.Rank.R2>(chosen, [batch, tokens]),
        loss: tf.mul<Scalar>(tf.mean(tf.squaredDifference(features, codes)), this.beta),
      };
    });
  }

  /** Codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    assertShape(indices, ['B', 'N'], 'MovingAverageQuantizer.decode');
    return tf.tidy(() => {
      const codes = this.#normalized(tf.gather<Tensor2D>(detach(this.codebook), tf.reshape(indices, [-1])));
      return tf.reshape<tf.Rank.R3>(codes, [...indices.shape, this.codeDim]);
    });
  }

  /**
   * Starts the codes as rows of `z`, or as centres of its clusters, and the averages anew.
   * @param z  features of a batch, `[..., E]`
   * @param uniform  noise `[K]` in [0, 1): code k takes a row from the k-th of K equal stretches of the batch
   * @throws {ShapeError}
   * @throws {ConfigError}
   */
  initializeFromData(z: Tensor, uniform: Tensor1D, { kMeansIterations = 0 }: CodebookInitialization = {}): void {
    const where = 'MovingAverageQuantizer.initializeFromData';
    assertInteger(kMeansIterations, 'kMeansIterations', where, 0);
    tf.tidy(() => {
      const rows = this.#normalized(toRows(z, this.codeDim, where));
      const picked = pickRows(rows, uniform, this.codebookSize, where);
      const codes =
        kMeansIterations > 0
          ? kMeans(rows, picked, { iterations: kMeansIterations, normalize: this.normalize })
          : picked;
      this.codebook.assign(codes);
      this.codeSums.assign(codes);
      this.clusterSize.assign(tf.onesLike(this.clusterSize));
    });
  }

  #normalized(x: Tensor2D): Tensor2D {
    return this.normalize ? normalizeRows(x) : x;
  }

  #update(features: Tensor2D, chosen: Tensor1D): void {
    const average = <T extends Tensor>(previous: Tensor, value: Tensor): T =>
      tf.add<T>(tf.mul(previous, this.decay), tf.mul(value, 1 - this.decay));
    const counts = countCodes(chosen, this.codebookSize); // [K]
    const sums = tf.unsortedSegmentSum(features, chosen, this.codebookSize); // [K, E]
    const clusterSize = average<Tensor1D>(detach(this.clusterSize), counts);
    const codeSums = average<Tensor2D>(detach(this.codeSums), sums);
    const isChosen = tf.tile(tf.expandDims(tf.greater(counts, 0), 1), [1, this.codeDim]);
    // Where a code is not chosen the quotient would stay the same, until both underflow.
    const means = tf.div<Tensor2D>(codeSums, tf.maximum(tf.expandDims(clusterSize, 1), 1e-30));
    this.codebook.assign(tf.where(isChosen, means, detach(this.codebook)));
    this.clusterSize.assign(clusterSize);
    this.codeSums.assign(codeSums);
  }
}
