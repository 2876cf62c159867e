import { assertInteger, DataError, ShapeError } from '@vitvq/core';
import type { LabelledFeatures } from '../feature-set.js';

/**
 * Throws unless the features are finite, a row for each label, and the labels are classes.
 * @throws {ShapeError} when counts do not fit
 * @throws {DataError} naming the block for a feature that is not finite, and the sample for a label out of range
 */
export function assertFeatures({ block, dim, data, labels }: LabelledFeatures, classes: number, where: string): void {
  const at = `${where}, block "${block}"`;
  assertInteger(dim, 'dim', at);
  if (data.length !== labels.length * dim) {
    throw new ShapeError({
      where: at,
      expected: `${labels.length} rows of ${dim} features, one for each label`,
      got: `${data.length} values`,
    });
  }
  if (labels.length === 0) throw new DataError({ where: at, expected: 'one or more samples', got: 'none' });
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    throw new DataError({
      where: at,
      expected: 'finite features',
      got: `${data[wrong]} in sample ${Math.floor(wrong / dim)}, component ${wrong % dim}`,
    });
  }
  const stranger = labels.findIndex((label) => label < 0 || label >= classes);
  if (stranger >= 0) {
    throw new DataError({
      where: at,
      expected: `labels to be integers in [0, ${classes})`,
      got: `${labels[stranger]} for sample ${stranger}`,
    });
  }
}

/** Throws unless a probe can learn from the features. @throws {ConfigError} @throws {DataError} @throws {ShapeError} */
export function assertTrainable(train: LabelledFeatures, classes: number, where: string): void {
  assertInteger(classes, 'classes', where, 2);
  assertFeatures(train, classes, where);
  const at = `${where}, block "${train.block}"`;
  const [first] = train.labels;
  if (train.labels.every((label) => label === first)) {
    throw new DataError({
      where: at,
      expected: 'training samples of two or more classes',
      got: `class ${first} alone`,
      fix: 'Data that is sorted by class must be shuffled before it is cut.',
    });
  }
  if (train.labels.length < classes) {
    throw new DataError({
      where: at,
      expected: `at least ${classes} training samples, one a class`,
      got: String(train.labels.length),
    });
  }
}
