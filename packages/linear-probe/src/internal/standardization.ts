import type { FeatureMatrix } from '../feature-set.js';
import type { Standardization } from '../softmax-probe.js';

/**
 * A component whose deviation is a smaller fraction of its mean is constant up to the rounding of
 * float32.
 */
const constantFraction = 2 ** -22;

/**
 * Computes mean and deviation of the rows in float64 and in two passes, so that a mean far from
 * zero loses no digits.
 */
export function standardizationOf({ dim, data }: FeatureMatrix): Standardization {
  const count = data.length / dim;
  const mean = new Float64Array(dim);
  const deviation = new Float64Array(dim);
  for (let at = 0; at < data.length; at += dim) {
    for (let component = 0; component < dim; component++) mean[component]! += data[at + component]! / count;
  }
  for (let at = 0; at < data.length; at += dim) {
    for (let component = 0; component < dim; component++) {
      deviation[component]! += (data[at + component]! - mean[component]!) ** 2 / count;
    }
  }
  for (let component = 0; component < dim; component++) {
    const root = Math.sqrt(deviation[component]!);
    deviation[component] = root > constantFraction * Math.abs(mean[component]!) ? root : Infinity;
  }
  return { mean, deviation };
}

/** Returns standardised rows with a last component of 1 for the bias, `[count, D + 1]`. */
export function standardizedWithOnes({ dim, data }: FeatureMatrix, { mean, deviation }: Standardization): Float32Array {
  const count = data.length / dim;
  const standardized = new Float32Array(count * (dim + 1));
  for (let row = 0; row < count; row++) {
    const [from, to] = [row * dim, row * (dim + 1)];
    for (let component = 0; component < dim; component++) {
      standardized[to + component] = (data[from + component]! - mean[component]!) / deviation[component]!;
    }
    standardized[to + dim] = 1;
  }
  return standardized;
}
