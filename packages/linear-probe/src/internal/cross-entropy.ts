import * as tf from '@tensorflow/tfjs-core';
import { compile, type CompiledFunction } from '@vitvq/engine';
import type { LabelledFeatures } from '../feature-set.js';
import type { Evaluation } from './lbfgs.js';
import type { Standardization } from '../softmax-probe.js';
import { standardizedWithOnes } from './standardization.js';

/**
 * Computes the mean cross-entropy of a softmax classifier and its gradient.
 * @param features  `[n, D + 1]`, the last component 1
 * @param labels  int32 `[n]`, in `[0, K)`
 * @param parameters  `[D + 1, K]`, the last row the bias
 */
export function crossEntropy(
  features: tf.Tensor2D,
  labels: tf.Tensor1D,
  parameters: tf.Tensor2D,
): { readonly loss: tf.Scalar; readonly gradient: tf.Tensor2D } {
  const [count] = features.shape;
  const [, classes] = parameters.shape;
  return tf.tidy(() => {
    const logits = tf.matMul(features, parameters); // [n, K]
    const shifted = tf.sub(logits, tf.max(logits, 1, true));
    const logProbabilities = tf.sub<tf.Tensor2D>(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
    const targets = tf.oneHot(labels, classes, 1, 0, 'float32') as tf.Tensor2D;
    const loss = tf.neg<tf.Scalar>(tf.div(tf.sum(tf.mul(targets, logProbabilities)), count));
    const errors = tf.div<tf.Tensor2D>(tf.sub(tf.exp(logProbabilities), targets), count);
    return { loss, gradient: tf.matMul(features, errors, true) };
  });
}

/** The compiled `crossEntropy`. */
export type CrossEntropyProgram = CompiledFunction<typeof crossEntropy>;

/**
 * Compiles `crossEntropy`.
 * @param maximumShapes  number of data sets of different shapes that it will see
 */
export function compileCrossEntropy(maximumShapes: number): CrossEntropyProgram {
  return compile(crossEntropy, { name: 'linear probe', maximumShapes });
}

/** The cross-entropy of one training set, which stays on the engine between evaluations. */
export class TrainingSet {
  readonly #program: CrossEntropyProgram;
  readonly #features: tf.Tensor2D;
  readonly #labels: tf.Tensor1D;
  readonly #parameterShape: [number, number];

  /** Uploads the training set. Ownership: call `dispose()`; the program stays the caller's. */
  constructor(
    program: CrossEntropyProgram,
    train: LabelledFeatures,
    standardization: Standardization,
    classes: number,
  ) {
    this.#program = program;
    this.#features = tf.tensor2d(standardizedWithOnes(train, standardization), [train.labels.length, train.dim + 1]);
    this.#labels = tf.tensor1d(train.labels.slice(), 'int32');
    this.#parameterShape = [train.dim + 1, classes];
  }

  /** Computes loss and gradient. @param parameters  `[D + 1, K]` row-major; rounded to float32 */
  async evaluate(parameters: Float64Array): Promise<Evaluation> {
    const rounded = tf.tensor2d(Float32Array.from(parameters), this.#parameterShape);
    const { loss, gradient } = await this.#program(this.#features, this.#labels, rounded);
    const [[value], slopes] = await Promise.all([loss.data<'float32'>(), gradient.data<'float32'>()]);
    tf.dispose([rounded, loss, gradient]);
    return { value: value!, gradient: Float64Array.from(slopes) };
  }

  /** Frees the training set. */
  dispose(): void {
    tf.dispose([this.#features, this.#labels]);
  }
}
