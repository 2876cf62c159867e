import { DataError } from '@vitvq/core';
import type { ImageDataset } from '../image-dataset.js';
import type { SkippedImage } from '../skipped-image.js';
import { subset } from '../subset.js';
import { unlistedReason } from './class-folders.js';

/** A source whose labels are positions in another list of classes. */
export interface AlignedClasses {
  readonly dataset: ImageDataset;
  /** Positions in the original source; undefined where every image is left. */
  readonly kept?: readonly number[];
  /** Classes that are left out, each with the number of its images. */
  readonly skipped: readonly SkippedImage[];
}

/**
 * Gives each image the label that its class has in a list; images of other classes are left out. A
 * source without classes stays as it is.
 * @throws {DataError} when no image is left
 */
export function alignClasses(dataset: ImageDataset, classes: readonly string[]): AlignedClasses {
  const { classNames, labels, name } = dataset;
  const isSame = classNames.length === classes.length && classNames.every((each, label) => each === classes[label]);
  if (classNames.length === 0 || isSame) return { dataset, skipped: [] };
  const labelOf = new Map(classes.map((each, label) => [each, label]));
  const newLabels = classNames.map((each) => labelOf.get(each));
  const kept = Array.from(labels.keys()).filter((index) => newLabels[labels[index]!] !== undefined);
  if (kept.length === 0) {
    throw new DataError({
      where: name,
      expected: `images of the classes ${shortList(classes)}`,
      got: `only ${shortList(classNames)}`,
      fix: 'Name classes as the source names them.',
    });
  }
  const skipped = classNames.flatMap((each, label) => {
    const images = labels.filter((other) => other === label);
    const isLeftOut = newLabels[label] === undefined && images.length > 0;
    return isLeftOut ? [{ name: each, reason: unlistedReason(images) }] : [];
  });
  const left = subset(dataset, kept);
  const aligned = {
    ...left,
    classNames: [...classes],
    labels: Int32Array.from(kept, (index) => newLabels[labels[index]!]!),
  };
  return { dataset: aligned, kept, skipped };
}

/** Returns the first names of a list. */
function shortList(names: readonly string[]): string {
  return names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
}
