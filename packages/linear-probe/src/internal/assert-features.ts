import { assertInteger, DataError, ShapeError } from '@vitvq/core';
import type { LabelledFeatures } from '../feature-set.js';

/**
 * Throws unless the features are finite, have a row for each label, and the labels are classes.
 * @throws {ShapeError} when counts do not fit
 * @throws {DataError} naming the block for a feature that is not finite, and the sample for a label
 * out of range
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
  if (labels.length === 0) throw new DataError({ where: at, expected: 'at least one sample', got: 'none' });
  const wrong = data.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    throw new DataError({
      where: at,
      expected: 'finite features',
      got: `${data[wrong]} in sample ${Math.floor(wrong / dim)}, component ${wrong % dim}`,
    });
  }
  const unknown = labels.findIndex((label) => label < 0 || label >= classes);
  if (unknown >= 0) {
    throw new DataError({
      where: at,
      expected: `labels to be integers in [0, ${classes})`,
      got: `${labels[unknown]} for sample ${unknown}`,
    });
  }
}

/**
 * Throws unless a probe can learn from the features.
 * @throws {ConfigError} for fewer than two classes
 * @throws {DataError} naming the block, as `assertFeatures` and for samples of one class or fewer
 * samples than classes
 * @throws {ShapeError} when counts do not fit
 */
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
      fix: 'Shuffle data that is sorted by class before you split it.',
    });
  }
  if (train.labels.length < classes) {
    throw new DataError({
      where: at,
      expected: `at least ${classes} training samples, one for each class`,
      got: String(train.labels.length),
    });
  }
}
