import * as tf from '@tensorflow/tfjs-core';
import { foldIn, permutation, randomKey, randomUniform } from '@vitvq/core';
import { expect } from 'vitest';

/** Options of the comparison with finite differences. */
export interface GradientCheckOptions {
  /** Variables that `fn` reads, to be checked as well; they have their values back afterwards. */
  readonly variables?: ReadonlyMap<string, tf.Variable>;
  /**
   * Distance of the sample points. Kinks (ReLU, |x|) within two steps of an input spoil the result.
   * @default 0.01
   */
  readonly step?: number;
  /** Relative to the largest derivative of the same input. @default 1e-3 */
  readonly rtol?: number;
  /** Absolute. @default 1e-4 */
  readonly atol?: number;
  /** Elements of each input that are checked, picked by the seed. @default 48 */
  readonly elements?: number;
  /** Of the projection and of the choice of elements. @default 0 */
  readonly seed?: number;
}

/**
 * Compares the gradients of `fn` with finite differences of fourth order. The outputs are projected
 * onto one number with random weights; for the differences that sum is made in float64, so that the
 * float32 rounding of the outputs is all the noise there is.
 * @param fn  deterministic; any number of float tensors to one or several float tensors
 * @param inputs  float32; not disposed of
 */
export function expectGradientsMatchFiniteDifferences(
  fn: (...inputs: tf.Tensor[]) => tf.Tensor | readonly tf.Tensor[],
  inputs: readonly tf.Tensor[],
  { variables = new Map(), step = 0.01, rtol = 1e-3, atol = 1e-4, elements = 48, seed = 0 }: GradientCheckOptions = {},
): void {
  const key = randomKey(seed);
  const evaluate = (at: readonly tf.Tensor[]): readonly tf.Tensor[] => {
    const result = fn(...at);
    return result instanceof tf.Tensor ? [result] : result;
  };
  const projections = tf.tidy(() =>
    evaluate(inputs).map(({ size }, index) => randomUniform(foldIn(key, index), size, -1, 1)),
  );
  const project = (at: readonly tf.Tensor[]): number =>
    tf.tidy(() =>
      evaluate(at).reduce((total, output, index) => {
        const values = output.dataSync();
        return projections[index]!.reduce((sum, weight, element) => sum + weight * values[element]!, total);
      }, 0),
    );

  const named: [string, tf.Tensor][] = [
    ...inputs.map((input, index): [string, tf.Tensor] => [`input ${index}`, input]),
    ...variables,
  ];
  const sources = named.map(([, source]) => source);
  const gradients = tf.tidy(() => {
    const { grads } = tf
      .engine()
      .gradients(
        () =>
          evaluate(inputs).reduce<tf.Tensor>(
            (total, output, index) =>
              tf.add(total, tf.sum(tf.mul(output, tf.tensor(projections[index]!, output.shape)))),
            tf.scalar(0),
          ) as tf.Scalar,
        sources,
        undefined,
        true,
      );
    return grads.map((gradient, index) =>
      gradient ? gradient.dataSync().slice() : new Float32Array(sources[index]!.size),
    );
  });

  named.forEach(([name, source], index) => {
    const original = source.dataSync().slice();
    const shape: number[] = source.shape;
    const projectWith = (element: number, value: number): number => {
      const moved = original.slice();
      moved[element] = value;
      const tensor = tf.tensor(moved, shape);
      try {
        if (!(source instanceof tf.Variable))
          return project(inputs.map((input) => (input === source ? tensor : input)));
        source.assign(tensor);
        return project(inputs);
      } finally {
        tensor.dispose();
      }
    };
    const derivative = (element: number): number => {
      const centre = original[element]!;
      // The points as float32 stores them; their real distances go into the quotient.
      const difference = (distance: number): number => {
        const [low, high] = [Math.fround(centre - distance), Math.fround(centre + distance)];
        return (projectWith(element, high) - projectWith(element, low)) / (high - low);
      };
      return (4 * difference(step) - difference(2 * step)) / 3;
    };
    const chosen = [...permutation(foldIn(key, 1_000 + index), source.size).slice(0, elements)];
    const numeric = chosen.map(derivative);
    if (source instanceof tf.Variable) {
      const restored = tf.tensor(original, shape);
      source.assign(restored);
      restored.dispose();
    }
    const scale = Math.max(...numeric.map(Math.abs));
    chosen.forEach((element, at) => {
      const analytic = gradients[index]![element]!;
      const distance = Math.abs(analytic - numeric[at]!);
      expect(
        distance <= atol + rtol * scale,
        `gradient of ${name} [${source.shape.join(', ')}], element ${element}: ${analytic}, but finite differences give ` +
          `${numeric[at]} (allowed ${atol} + ${rtol} x ${scale})`,
      ).toBe(true);
    });
  });
}
