import * as tf from '@tensorflow/tfjs-core';
import { assertInRange, assertInteger, checkOptions, type OptionTable } from '@vitvq/core';
import { compile } from '@vitvq/engine';
import { measureClassifier, type Classification } from './classification.js';
import type { FeatureMatrix, LabelledFeatures } from './feature-set.js';
import { assertFeatures } from './internal/assert-features.js';

/** Options of {@link classifyByNeighbors}. */
export interface NeighborsOptions {
  /** Number of classes, K. */
  readonly classes: number;
  /** Number of training samples that vote, at most all of them. @default 20 */
  readonly neighbors?: number;
  /** Divides the cosine of a neighbour, whose exponential is its vote. @default 0.07 */
  readonly temperature?: number;
}

const neighborsOptionNames: OptionTable<NeighborsOptions> = {
  classes: 'required',
  neighbors: 'optional',
  temperature: 'optional',
};

/** Measurements of a classifier without probabilities. */
export type NeighborsClassification = Omit<Classification, 'crossEntropy'> & {
  /** Number of training samples that voted. */
  readonly neighbors: number;
};

/** Test samples that are compared at once. */
const batchSize = 256;

/**
 * Classifies samples by their nearest training samples in the space of the features, without any
 * training: the k neighbours of the highest cosine vote with weights `exp(cosine / temperature)`
 * (Wu et al. 2018, arXiv:1805.01978, as DINO has it). Cosines are computed by the engine.
 * @throws {ConfigError} for options out of range
 * @throws {ShapeError} @throws {DataError} as `fitSoftmaxProbe`, for both sets
 */
export async function classifyByNeighbors(
  train: LabelledFeatures,
  test: LabelledFeatures,
  options: NeighborsOptions,
): Promise<NeighborsClassification> {
  const where = 'classifyByNeighbors';
  const { classes, neighbors = 20, temperature = 0.07 } = checkOptions(options, neighborsOptionNames, where);
  assertInteger(classes, 'classes', where, 2);
  assertInteger(neighbors, 'neighbors', where);
  assertInRange(temperature, 'temperature', where, Number.MIN_VALUE);
  assertFeatures(train, classes, `${where}, train`);
  assertFeatures(test, classes, `${where}, test`);
  const voters = Math.min(neighbors, train.labels.length);
  const votes = new Float64Array(test.labels.length * classes);
  await forEachRowOfCosines(train, test, (row, cosines) => {
    for (const { sample, cosine } of highest(cosines, voters)) {
      votes[row * classes + train.labels[sample]!]! += Math.exp((cosine - 1) / temperature);
    }
  });
  const { crossEntropy: _, ...result } = measureClassifier(test.labels, classes, (start, end) =>
    votes.subarray(start * classes, end * classes),
  );
  return { ...result, neighbors: voters };
}

/** Computes the cosines of each test sample with all training samples. */
async function forEachRowOfCosines(
  train: FeatureMatrix,
  test: FeatureMatrix,
  visit: (row: number, cosines: Float32Array) => void,
): Promise<void> {
  const [trainRows, testRows] = [train, test].map(ofLengthOne);
  const [count, { dim }] = [trainRows!.length / train.dim, train];
  const product = compile((some: tf.Tensor2D, all: tf.Tensor2D) => tf.matMul(some, all, false, true), {
    name: 'nearest neighbours',
  });
  const all = tf.tensor2d(trainRows!, [count, dim]);
  try {
    for (let start = 0; start < testRows!.length / dim; start += batchSize) {
      const rows = new Float32Array(batchSize * dim);
      rows.set(testRows!.subarray(start * dim, (start + batchSize) * dim));
      const some = tf.tensor2d(rows, [batchSize, dim]);
      const cosines = await product(some, all);
      const values = await cosines.data<'float32'>();
      tf.dispose([some, cosines]);
      const end = Math.min(start + batchSize, testRows!.length / dim);
      for (let row = start; row < end; row++) {
        visit(row, values.subarray((row - start) * count, (row - start + 1) * count));
      }
    }
  } finally {
    all.dispose();
    product.dispose();
  }
}

/** Returns the rows divided by their lengths; a row of zeros stays. */
function ofLengthOne({ dim, data }: FeatureMatrix): Float32Array {
  const result = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += dim) {
    let square = 0;
    for (let i = at; i < at + dim; i++) square += data[i]! ** 2;
    const length = Math.sqrt(square) || 1;
    for (let i = at; i < at + dim; i++) result[i] = data[i]! / length;
  }
  return result;
}

/** Returns the k highest cosines; of equal ones the earlier samples. */
function highest(cosines: Float32Array, k: number): { sample: number; cosine: number }[] {
  const best: { sample: number; cosine: number }[] = [];
  for (let sample = 0; sample < cosines.length; sample++) {
    const cosine = cosines[sample]!;
    if (best.length === k && cosine <= best[k - 1]!.cosine) continue;
    if (best.length === k) best.pop();
    let place = best.length;
    while (place > 0 && best[place - 1]!.cosine < cosine) place--;
    best.splice(place, 0, { sample, cosine });
  }
  return best;
}
