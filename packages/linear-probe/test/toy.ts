import { foldIn, randomInts, randomKey, randomNormal } from '@vitvq/core';
import type { FeatureSet, LabelledFeatures } from '../src/index.js';

export interface CloudOptions {
  readonly classes: number;
  readonly count: number;
  readonly dim: number;
  /** Distance of the classes' centres from the origin; the clouds have deviation 1. */
  readonly distance: number;
  readonly seed: number;
}

/**
 * Normal clouds, one for each class, around centres that depend on the number of classes and `dim`
 * alone.
 */
export function clouds({ classes, count, dim, distance, seed }: CloudOptions): LabelledFeatures {
  const centres = randomNormal(randomKey(1_000), classes * dim);
  const data = randomNormal(foldIn(randomKey(seed), 0), count * dim);
  const drawn = randomInts(foldIn(randomKey(seed), 1), count, classes);
  // Every class occurs.
  const labels = drawn.map((label, sample) => (sample < classes ? sample : label));
  for (let sample = 0; sample < count; sample++) {
    for (let component = 0; component < dim; component++) {
      data[sample * dim + component]! += distance * centres[labels[sample]! * dim + component]!;
    }
  }
  return { block: 'clouds', dim, data, labels };
}

/** A block as a set of its own. */
export function setOf({ block, dim, data, labels }: LabelledFeatures): FeatureSet {
  return { count: labels.length, labels, blocks: new Map([[block, { dim, data }]]) };
}
