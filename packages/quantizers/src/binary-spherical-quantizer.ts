import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertShape, checkOptions, detach, Module, type OptionTable } from '@vitvq/core';
import type { QuantizeContext, QuantizeResult, Quantizer, Refinement } from '@vitvq/core';
import { z } from 'zod';
import { bitEntropyTerm } from './internal/bit-entropy.js';
import { assertBitOptions, bitFields } from './internal/bit-options.js';
import { binaryDigits, signs } from './internal/bits.js';
import { straightThrough } from './internal/code-gradient.js';
import type { Digits } from './internal/digits.js';
import { normalizeRows } from './internal/normalize-rows.js';
import { meanOf } from './internal/row-means.js';
import { quantizeReal } from './internal/token-mask.js';
import type { QuantizerKind } from './quantizer-kind.js';

/** Options of a {@link BinarySphericalQuantizer}. */
export interface BinarySphericalQuantizerOptions {
  /** Number of channels, E, each a bit of the code; at most 24, the authors use 18 and 36. */
  readonly codeDim: number;
  /** Weight of the entropy term; the authors' `zeta` times `codebook_weight`. @default 0.1 */
  readonly entropyWeight?: number;
  /**
   * Weight of the spread over all codes within the entropy term (`gamma`); certainty has weight 1.
   * @default 1
   */
  readonly diversityWeight?: number;
  /** Weight of the commitment term (`beta`). @default 0, as in the authors' configs */
  readonly commitmentWeight?: number;
  /**
   * Temperature of the probabilities in the entropy term, `1 / inv_temperature`; greater than 0.
   * @default 1
   */
  readonly entropyTemperature?: number;
  /**
   * Number of channels whose codes are counted together in the entropy term, 1 to 12; memory grows
   * with 2 to its power.
   * @default 1, each bit on its own, as in the authors' configs
   */
  readonly entropyGroupSize?: number;
}

const binarySphericalQuantizerOptionNames: OptionTable<BinarySphericalQuantizerOptions> = {
  codeDim: 'required',
  entropyWeight: 'optional',
  diversityWeight: 'optional',
  commitmentWeight: 'optional',
  entropyTemperature: 'optional',
  entropyGroupSize: 'optional',
};

/**
 * Binary spherical quantizer (BSQ, arXiv:2406.07548): features are projected to the unit sphere, u
 * = z / |z|, and each channel is quantized to its sign, so that codes are sign(u) / sqrt(E) and
 * have length 1 too. K = 2^E, and bit i of the index (counting 2^i) says whether channel i is above
 * 0. There is no codebook to learn, and a code is at most sqrt(2 - 2 / sqrt(E)) away from u.
 *
 * The gradient of `quantized` passes the sign unchanged, then the factor 1 / sqrt(E) and the
 * projection as they are.
 *
 * The loss is `entropyWeight` times mean H[q(u)] + `diversityWeight` (E ln 2 - H[mean q(u)]) over
 * the B·N tokens, in nats, plus `commitmentWeight` times the mean squared distance |u - sg[code]|²,
 * a sum over channels. q(u) = softmax(-|u - c|² / entropyTemperature) over all codes c, in which
 * the channels are independent: the first entropy is exact. The second one is that of each bit on
 * its own (of each group of `entropyGroupSize` bits), an upper bound.
 *
 * In a residual quantizer the first level alone projects to the sphere, and the codes of each level
 * are half as long as those of the level before.
 *
 * Deviations from the authors' code: the constant E ln 2, with which the term is at least 0; the
 * authors multiply the entropy term by the temperature as well, and count the first channel's bit
 * most.
 *
 * The tensor code has fixed shapes and can be compiled.
 */
export class BinarySphericalQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth = 1;
  readonly entropyWeight: number;
  readonly diversityWeight: number;
  readonly commitmentWeight: number;
  readonly entropyTemperature: number;
  readonly entropyGroupSize: number;
  /** `quantized` has the gradient of the projection. */
  readonly gradient = 'own';
  readonly refinement: Refinement;
  readonly #digits: Digits;
  /** Size of each channel of a code. */
  readonly #size: number;

  /** @throws {ConfigError} */
  constructor(options: BinarySphericalQuantizerOptions) {
    super();
    const {
      codeDim,
      entropyWeight = 0.1,
      diversityWeight = 1,
      commitmentWeight = 0,
      entropyTemperature = 1,
      entropyGroupSize = 1,
    } = checkOptions(options, binarySphericalQuantizerOptionNames, 'BinarySphericalQuantizer', { allowOthers: true });
    const where = 'BinarySphericalQuantizer';
    assertBitOptions(
      { codeDim, entropyWeight, diversityWeight, commitmentWeight, entropyTemperature, entropyGroupSize },
      where,
    );
    this.#digits = binaryDigits(codeDim, where);
    this.#size = codeDim ** -0.5;
    this.codeDim = codeDim;
    this.codebookSize = this.#digits.size;
    this.entropyWeight = entropyWeight;
    this.diversityWeight = diversityWeight;
    this.commitmentWeight = commitmentWeight;
    this.entropyTemperature = entropyTemperature;
    this.entropyGroupSize = entropyGroupSize;
    const scale = new Array<number>(codeDim).fill(0.5);
    this.refinement = {
      scale,
      bound: (features) => tf.tidy(() => normalizeRows(features)),
      quantize: (bounded, context) => this.#quantize(bounded, tf.clone, context),
    };
  }

  /**
   * Projects each vector to the unit sphere and quantizes each channel to its sign.
   * @param z  encoder output, float32 `[B, N, E]`, of any scale
   * @returns  `quantized` `[B, N, E]`, -1 / sqrt(E) or 1 / sqrt(E); `indices` int32 `[B, N]`;
   *   `loss`, scalar
   * @throws {ShapeError} when the last axis is not `codeDim`
   */
  quantize(z: Tensor3D, context: QuantizeContext = {}): QuantizeResult & { indices: Tensor2D } {
    assertShape(z, ['B', 'N', this.codeDim], 'BinarySphericalQuantizer.quantize', 'Project z to codeDim first.');
    return this.#quantize(z, normalizeRows, context);
  }

  /** Projects each vector of features `[B, N, E]` to the unit sphere. */
  bound(z: Tensor3D): Tensor3D {
    return this.refinement.bound(z);
  }

  /** Returns the codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    assertShape(indices, ['B', 'N'], 'BinarySphericalQuantizer.decode');
    return tf.tidy(() => tf.mul(signs(this.#digits.toDigits(indices) as Tensor3D), this.#size));
  }

  #quantize(
    z: Tensor3D,
    bound: (z: Tensor3D) => Tensor3D,
    { mask }: QuantizeContext = {},
  ): QuantizeResult & { indices: Tensor2D } {
    return quantizeReal(z, mask, 'BinarySphericalQuantizer.quantize', (real, weights) => {
      const u = bound(real);
      const bits = tf.cast<Tensor3D>(tf.greater(detach(u), 0), 'float32');
      const codeSigns = signs<Tensor3D>(bits);
      const distances = tf.sum<Tensor2D>(tf.squaredDifference(u, tf.mul(codeSigns, this.#size)), 2); // [B, N]
      return {
        quantized: tf.mul<Tensor3D>(straightThrough(u, codeSigns), this.#size),
        indices: this.#digits.toIndices(bits) as Tensor2D,
        loss: tf.add<Scalar>(
          tf.mul(meanOf(tf.reshape<tf.Rank.R1>(distances, [-1]), weights), this.commitmentWeight),
          tf.mul(this.#entropy(u, weights), this.entropyWeight),
        ),
      };
    });
  }

  /** Returns the entropy term without its weight. */
  #entropy(u: Tensor3D, weights?: Tensor1D): Scalar {
    // Of -|u - c|², what differs between the two values of a channel is 4 u / sqrt(E).
    const rows = tf.reshape<tf.Rank.R2>(u, [-1, this.codeDim]);
    const logits = tf.mul<Tensor2D>(rows, (4 * this.#size) / this.entropyTemperature);
    return bitEntropyTerm(logits, this.diversityWeight, this.entropyGroupSize, weights);
  }
}

const schema = z.strictObject(bitFields);

/** Kind `bsq`: one code a token, made of the signs of channels on the unit sphere. */
export const binarySphericalKind = {
  schema,
  create: (config) => new BinarySphericalQuantizer(config),
} satisfies QuantizerKind<typeof schema>;
