import { ShapeError } from '@vitvq/core';
import type { FeatureMatrix } from './feature-set.js';

/** Mean and standard deviation of each component of the features. */
export interface Standardization {
  /** `[D]`. */
  readonly mean: Float64Array;
  /** `[D]`; infinite for a constant component. */
  readonly deviation: Float64Array;
}

/**
 * A trained softmax layer on standardised features, in host memory: `logits = ((x - mean) /
 * deviation) W + b`. It computes in float64 without an engine, so that its results are the same
 * everywhere.
 */
export class SoftmaxProbe {
  /** Number of classes, K. */
  readonly classes: number;
  /** Width of the features, D. */
  readonly dim: number;
  /** Mean of the training features, `[D]`. */
  readonly mean: Float64Array;
  /**
   * Standard deviation of the training features, `[D]`; infinite for a constant component, which is
   * thereby ignored.
   */
  readonly deviation: Float64Array;
  /** Weights W, `[D, K]` row-major. */
  readonly weights: Float32Array;
  /** Bias b, `[K]`. */
  readonly bias: Float32Array;

  /** Takes ownership of the arrays. */
  constructor({ mean, deviation }: Standardization, weights: Float32Array, bias: Float32Array) {
    this.classes = bias.length;
    this.dim = mean.length;
    this.mean = mean;
    this.deviation = deviation;
    this.weights = weights;
    this.bias = bias;
  }

  /**
   * Maps features `[count, D]` to logits `[count, K]`, row-major.
   * @throws {ShapeError} for features of another width
   */
  logits({ dim, data }: FeatureMatrix): Float64Array {
    const count = data.length / this.dim;
    if (dim !== this.dim || !Number.isInteger(count)) {
      throw new ShapeError({
        where: 'SoftmaxProbe.logits',
        expected: `features [count, ${this.dim}]`,
        got: `${data.length} values in rows of ${dim}`,
      });
    }
    const { classes, mean, deviation, weights, bias } = this;
    const logits = new Float64Array(count * classes);
    for (let row = 0; row < count; row++) {
      const out = logits.subarray(row * classes, (row + 1) * classes);
      out.set(bias);
      for (let component = 0; component < dim; component++) {
        const value = (data[row * dim + component]! - mean[component]!) / deviation[component]!;
        const at = component * classes;
        for (let k = 0; k < classes; k++) out[k]! += value * weights[at + k]!;
      }
    }
    return logits;
  }
}
