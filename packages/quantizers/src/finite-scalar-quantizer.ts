import * as tf from '@tensorflow/tfjs-core';
import type { Tensor, Tensor2D, Tensor3D } from '@tensorflow/tfjs-core';
import { assertInRange, assertInteger, assertShape, Module, type QuantizeResult, type Quantizer } from '@vitvq/core';
import { straightThrough } from './internal/code-gradient.js';
import { Digits } from './internal/digits.js';

export interface FiniteScalarQuantizerOptions {
  /**
   * How many values each of the E channels can have, 3 to 512 each; the paper recommends at least 5, such as [8, 5, 5, 5] for
   * 1000 codes or [8, 8, 8, 6, 5] for 15,360 (Table 1).
   */
  readonly channelLevels: readonly number[];
}

/** Narrows the range by this share, so that rounding cannot leave it. */
const margin = 1e-3;

/**
 * Finite scalar quantization (arXiv:2309.15505): each channel is bounded by a tanh and rounded to one of a few values, and
 * their combinations are the codes. There is no codebook to learn or to collapse, so that the loss is always 0.
 *
 * `quantized` is in [-1, 1], with 0 among the values of each channel. Its gradient passes the rounding unchanged and the tanh
 * as it is. The index counts the channels' values with the first channel counting least.
 *
 * Deviation from the code in the paper's appendix A.1: the shift of channels with an even number of values is an inverse
 * tanh, not a tangent, so that 0 is mapped to 0 exactly.
 */
export class FiniteScalarQuantizer extends Module implements Quantizer {
  readonly codebookSize: number;
  readonly codeDim: number;
  readonly levels = 1;
  readonly channelLevels: readonly number[];
  /** `quantized` has the gradient of the tanh. */
  readonly gradient = 'own';
  readonly #digits: Digits;

  /** @throws {ConfigError} */
  constructor({ channelLevels }: FiniteScalarQuantizerOptions) {
    super();
    const where = 'FiniteScalarQuantizer';
    for (const values of channelLevels) {
      assertInteger(values, 'channelLevels', where, 3);
      assertInRange(values, 'channelLevels', where, 3, 512);
    }
    this.#digits = new Digits(channelLevels, 'channelLevels', where);
    this.channelLevels = this.#digits.radices;
    this.codebookSize = this.#digits.size;
    this.codeDim = channelLevels.length;
  }

  /**
   * @param z  encoder output, float32 `[B, N, E]`
   * @returns  `quantized` `[B, N, E]` in [-1, 1]; `indices` int32 `[B, N]` in `[0, K)`; `loss`, the scalar 0
   * @throws {ShapeError}
   */
  quantize(z: Tensor3D): QuantizeResult & { indices: Tensor2D } {
    const where = 'FiniteScalarQuantizer.quantize';
    assertShape(z, ['B', 'N', this.codeDim], where, 'Project z to a channel for each of channelLevels first.');
    return tf.tidy(() => {
      const bounded = this.#bound(z);
      const rounded = straightThrough(bounded, tf.round(bounded));
      return {
        quantized: tf.div<Tensor3D>(rounded, this.#halfWidths()),
        indices: this.#digits.toIndices(tf.add(tf.round(bounded), this.#halfWidths())) as Tensor2D,
        loss: tf.scalar(0),
      };
    });
  }

  /** Codes of int32 indices: `[B, N]` to `[B, N, E]`. @throws {ShapeError} */
  decode(indices: Tensor2D): Tensor3D {
    assertShape(indices, ['B', 'N'], 'FiniteScalarQuantizer.decode');
    return tf.tidy(() => {
      const halfWidths = this.#halfWidths();
      return tf.div<Tensor3D>(tf.sub(this.#digits.toDigits(indices), halfWidths), halfWidths);
    });
  }

  /** Into the range of whole numbers that has as many of them as the channel has values: -2 to 2, or -2 to 1. */
  #bound(z: Tensor3D): Tensor3D {
    const halves = this.channelLevels.map((values) => ((values - 1) * (1 - margin)) / 2);
    const offsets = this.channelLevels.map((values) => (values % 2 === 0 ? 0.5 : 0));
    const shifts = offsets.map((offset, channel) => Math.atanh(offset / halves[channel]!));
    return tf.sub(tf.mul(tf.tanh(tf.add(z, tf.tensor1d(shifts))), tf.tensor1d(halves)), tf.tensor1d(offsets));
  }

  #halfWidths(): Tensor {
    return tf.tensor1d(this.channelLevels.map((values) => Math.floor(values / 2)));
  }
}
