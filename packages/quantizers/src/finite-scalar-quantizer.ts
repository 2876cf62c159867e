import * as tf from '@tensorflow/tfjs-core';
import type { Scalar, Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertInRange, assertInteger, assertShape, detach, Module, checkOptions, type OptionTable } from '@vitvq/core';
import type { QuantizeContext, QuantizeResult, Quantizer, Refinement } from '@vitvq/core';
import { z } from 'zod';
import { straightThrough } from './internal/code-gradient.js';
import { integer } from './internal/config-schemas.js';
import { Digits, maximumCodes } from './internal/digits.js';
import { quantizeReal } from './internal/token-mask.js';
import type { QuantizerKind } from './quantizer-kind.js';

/** Options of a {@link FiniteScalarQuantizer}. */
export interface FiniteScalarQuantizerOptions {
  /**
   * Number of values of each of the E channels, 3 to 512 each; the paper recommends at least 5,
   * such as [8, 5, 5, 5] for 1000 codes or [8, 8, 8, 6, 5] for 15,360 (Table 1).
   */
  readonly levels: readonly number[];
}

const finiteScalarQuantizerOptionNames: OptionTable<FiniteScalarQuantizerOptions> = {
  levels: 'required',
};

/** Fraction by which the range is narrowed, so that rounding cannot leave it. */
const margin = 1e-3;

/**
 * Finite scalar quantizer (FSQ, arXiv:2309.15505): each channel is bounded by a tanh and rounded to
 * one of a few values, and the combinations of these values are the codes. There is no codebook to
 * learn or to collapse, so that the loss is always 0.
 *
 * `quantized` is in [-1, 1], with 0 among the values of each channel. Its gradient passes the
 * rounding unchanged and the tanh as it is. The index counts the channels' values, the first
 * channel counting least; a channel that is NaN counts as its least value, and is NaN in
 * `quantized`.
 *
 * In a residual quantizer each level divides what is left over by the number of values that lie
 * evenly about 0, and rounds that without another tanh: the largest error of every level is that
 * fraction of the one before.
 *
 * Deviation from the code in the paper's appendix A.1: the shift of channels with an even number of
 * values is an inverse tanh, not a tangent, so that 0 is mapped to 0 exactly.
 */
export class FiniteScalarQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly codeDepth = 1;
  readonly levels: readonly number[];
  /** `quantized` has the gradient of the tanh. */
  readonly gradient = 'own';
  readonly refinement: Refinement;
  readonly #digits: Digits;

  /** @throws {ConfigError} */
  constructor(options: FiniteScalarQuantizerOptions) {
    super();
    const { levels } = checkOptions(options, finiteScalarQuantizerOptionNames, 'FiniteScalarQuantizer', {
      allowOthers: true,
    });
    const where = 'FiniteScalarQuantizer';
    for (const values of levels) {
      assertInteger(values, 'levels', where, 3);
      assertInRange(values, 'levels', where, 3, 512);
    }
    this.#digits = new Digits(levels, 'levels', where);
    this.levels = this.#digits.radices;
    this.codebookSize = this.#digits.size;
    this.codeDim = levels.length;
    this.refinement = {
      // All of an odd number of values lie evenly about 0; the lowest of an even number does not.
      scale: levels.map((values) => 1 / (values % 2 === 0 ? values - 1 : values)),
      bound: (z) => tf.tidy(() => this.#bound(z)),
      quantize: (bounded, { mask } = {}) => quantizeReal(bounded, mask, where, (real) => this.#round(real)),
    };
  }

  /**
   * Rounds each channel to one of its values.
   * @param z  encoder output, float32 `[B, N, E]`
   * @returns  `quantized` `[B, N, E]` in [-1, 1]; `indices` int32 `[B, N]` in `[0, K)`; `loss`, the
   *   scalar 0
   * @throws {ShapeError}
   */
  quantize(z: Tensor3D, { mask }: QuantizeContext = {}): QuantizeResult & { indices: Tensor2D } {
    const where = 'FiniteScalarQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to one channel for each of levels first.');
    return quantizeReal(z, mask, where, (real) => this.#round(this.#bound(real)));
  }

  /** Maps each channel of features `[B, N, E]` into the range that is rounded. */
  bound(z: Tensor3D): Tensor3D {
    return this.refinement.bound(z);
  }

  /** Returns the codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    assertShape(indices, ['B', 'N'], 'FiniteScalarQuantizer.decode');
    return tf.tidy(() => {
      const halfWidths = this.#halfWidths();
      return tf.div<Tensor3D>(tf.sub(this.#digits.toDigits(indices), halfWidths), halfWidths);
    });
  }

  /**
   * Maps each channel into a range with as many steps of its rounding as it has values: 5 values
   * into -1 to 1, 4 values into -1 to 0.5.
   */
  #bound(z: Tensor3D): Tensor3D {
    const halves = this.levels.map((values) => ((values - 1) * (1 - margin)) / 2);
    const offsets = this.levels.map((values) => (values % 2 === 0 ? 0.5 : 0));
    const shifts = offsets.map((offset, channel) => Math.atanh(offset / halves[channel]!));
    const steps = tf.sub(tf.mul(tf.tanh(tf.add(z, tf.tensor1d(shifts))), tf.tensor1d(halves)), tf.tensor1d(offsets));
    return tf.div(steps, this.#halfWidths());
  }

  /** Rounds each channel to the nearest of its values. */
  #round(bounded: Tensor3D): { quantized: Tensor3D; indices: Tensor2D; loss: Scalar } {
    const halfWidths = this.#halfWidths();
    const most = tf.tensor1d(this.levels.map((values) => values - 1));
    const steps = tf.add(tf.round(tf.mul(detach(bounded), halfWidths)), halfWidths);
    const digits = tf.minimum(tf.maximum(steps, 0), most);
    return {
      quantized: straightThrough(bounded, tf.div<Tensor3D>(tf.sub(digits, halfWidths), halfWidths)),
      indices: this.#digits.toIndices(digits) as Tensor2D,
      loss: tf.scalar(0),
    };
  }

  #halfWidths(): Tensor {
    return tf.tensor1d(this.levels.map((values) => Math.floor(values / 2)));
  }
}

const schema = z.strictObject({
  /** Number of values of each of the E channels, 3 to 512 each; at most 2^24 codes. */
  levels: z
    .array(integer(3, 512))
    .min(1)
    .refine((levels) => levels.reduce((product, values) => product * values, 1) <= maximumCodes, {
      error: 'expected at most 2^24 codes',
    })
    .readonly(),
});

/** Kind `fsq`: one code a token, made of rounded channels. */
export const finiteScalarKind = {
  schema,
  create: (config) => new FiniteScalarQuantizer(config),
} satisfies QuantizerKind<typeof schema>;
