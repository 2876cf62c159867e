import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor1D, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertShape, detach, Module, checkOptions, type OptionTable } from '@vitvq/core';
import type { QuantizeContext, QuantizeResult, Quantizer, Refinement } from '@vitvq/core';
import { z } from 'zod';
import { bitEntropyTerm } from './internal/bit-entropy.js';
import { assertBitOptions, bitFields } from './internal/bit-options.js';
import { binaryDigits, signs } from './internal/bits.js';
import { straightThrough } from './internal/code-gradient.js';
import type { Digits } from './internal/digits.js';
import { meanOf } from './internal/row-means.js';
import { quantizeReal } from './internal/token-mask.js';
import type { QuantizerKind } from './quantizer-kind.js';

/** Options of a {@link LookupFreeQuantizer}. */
export interface LookupFreeQuantizerOptions {
  /** Number of channels, E, each a bit of the code; at most 24. */
  readonly codeDim: number;
  /** Weight of the entropy term. @default 0.1 */
  readonly entropyWeight?: number;
  /**
   * Weight of the spread over all codes within the entropy term; certainty has weight 1.
   * @default 1
   */
  readonly diversityWeight?: number;
  /** Weight of mean((z - sg[quantized])²). @default 0.25 */
  readonly commitmentWeight?: number;
  /** Temperature of the probabilities in the entropy term; greater than 0. @default 0.01 */
  readonly entropyTemperature?: number;
  /**
   * Number of channels whose codes are counted together in the entropy term, 1 to 12; memory grows
   * with 2 to its power.
   * @default 9
   */
  readonly entropyGroupSize?: number;
}

const lookupFreeQuantizerOptionNames: OptionTable<LookupFreeQuantizerOptions> = {
  codeDim: 'required',
  entropyWeight: 'optional',
  diversityWeight: 'optional',
  commitmentWeight: 'optional',
  entropyTemperature: 'optional',
  entropyGroupSize: 'optional',
};

/**
 * Lookup-free quantizer (LFQ; MAGVIT-v2, arXiv:2310.05737, section 3.1): each channel is quantized
 * to its sign, so that K = 2^E and bit i of the index (counting 2^i) says whether channel i is
 * above 0. There is no codebook to learn.
 *
 * The loss is `commitmentWeight` times the mean squared distance of `z` from its code, plus
 * `entropyWeight` times mean H[q(z)] + `diversityWeight` (E ln 2 - H[mean q(z)]) over the B·N
 * tokens, in nats. q(z) = softmax(-|z - c|² / entropyTemperature) over all codes c, in which the
 * channels are independent. The first entropy makes each choice certain, the second one spreads the
 * choices over all codes.
 *
 * In a residual quantizer the codes of each level are half as long as those of the level before.
 *
 * Deviations: the constant E ln 2, with which the term is at least 0; the second entropy is exact
 * within groups of `entropyGroupSize` channels and summed over the groups, an upper bound that
 * makes large codebooks affordable (exact when E is not larger than one group).
 */
export class LookupFreeQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth = 1;
  readonly entropyWeight: number;
  readonly diversityWeight: number;
  readonly commitmentWeight: number;
  readonly entropyTemperature: number;
  readonly entropyGroupSize: number;
  readonly gradient = 'straight-through';
  readonly refinement: Refinement;
  readonly #digits: Digits;

  /** @throws {ConfigError} */
  constructor(options: LookupFreeQuantizerOptions) {
    super();
    const {
      codeDim,
      entropyWeight = 0.1,
      diversityWeight = 1,
      commitmentWeight = 0.25,
      entropyTemperature = 0.01,
      entropyGroupSize = 9,
    } = checkOptions(options, lookupFreeQuantizerOptionNames, 'LookupFreeQuantizer', { allowOthers: true });
    const where = 'LookupFreeQuantizer';
    assertBitOptions(
      { codeDim, entropyWeight, diversityWeight, commitmentWeight, entropyTemperature, entropyGroupSize },
      where,
    );
    this.#digits = binaryDigits(codeDim, where);
    this.codeDim = codeDim;
    this.codebookSize = this.#digits.size;
    this.entropyWeight = entropyWeight;
    this.diversityWeight = diversityWeight;
    this.commitmentWeight = commitmentWeight;
    this.entropyTemperature = entropyTemperature;
    this.entropyGroupSize = entropyGroupSize;
    const scale = new Array<number>(codeDim).fill(0.5);
    this.refinement = { scale, bound: (z) => tf.clone(z), quantize: (z, context) => this.quantize(z, context) };
  }

  /**
   * Quantizes each channel to its sign.
   * @param z  encoder output, float32 `[B, N, E]`
   * @returns  `quantized` `[B, N, E]`, -1 or 1, its gradient reaching `z` unchanged; `indices`
   *   int32 `[B, N]`; `loss`, scalar
   * @throws {ShapeError}
   */
  quantize(z: Tensor3D, { mask }: QuantizeContext = {}): QuantizeResult & { indices: Tensor2D } {
    const where = 'LookupFreeQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to codeDim first.');
    return quantizeReal(z, mask, where, (real, weights) => {
      const bits = tf.cast<Tensor3D>(tf.greater(detach(real), 0), 'float32');
      const codes = signs<Tensor3D>(bits);
      const distances = tf.reshape<tf.Rank.R2>(tf.squaredDifference(real, codes), [-1, this.codeDim]);
      const commitment = meanOf(distances, weights);
      return {
        quantized: straightThrough(real, codes),
        indices: this.#digits.toIndices(bits) as Tensor2D,
        loss: tf.add<Scalar>(
          tf.mul(commitment, this.commitmentWeight),
          tf.mul(this.#entropy(real, weights), this.entropyWeight),
        ),
      };
    });
  }

  /** Returns the codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    assertShape(indices, ['B', 'N'], 'LookupFreeQuantizer.decode');
    return tf.tidy(() => signs(this.#digits.toDigits(indices) as Tensor3D));
  }

  /** Returns the entropy term without its weight. */
  #entropy(z: Tensor3D, weights?: Tensor1D): Scalar {
    // Of -|z - c|², what differs between the two values of a channel is 4 z.
    // [B·N, E]
    const logits = tf.mul<Tensor2D>(tf.reshape<tf.Rank.R2>(z, [-1, this.codeDim]), 4 / this.entropyTemperature);
    return bitEntropyTerm(logits, this.diversityWeight, this.entropyGroupSize, weights);
  }
}

const schema = z.strictObject(bitFields);

/** Kind `lfq`: one code a token, made of the signs of channels. */
export const lookupFreeKind = {
  schema,
  create: (config) => new LookupFreeQuantizer(config),
} satisfies QuantizerKind<typeof schema>;
