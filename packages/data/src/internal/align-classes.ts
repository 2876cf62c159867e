import { DataError } from '@vitvq/core';
import type { OpenedSource } from '../kinds/source-kind.js';
import { unlistedReason } from './class-folders.js';
import { picked } from './ranged.js';

/**
 * Gives each image the label that its class has in a list; images of other classes are left out. A
 * source without classes stays as it is.
 * @throws {DataError} when no image is left
 */
export function alignClasses(opened: OpenedSource, classes: readonly string[]): OpenedSource {
  const { dataset } = opened;
  const { classNames, labels, name } = dataset;
  const isSame = classNames.length === classes.length && classNames.every((each, label) => each === classes[label]);
  if (classNames.length === 0 || isSame) return opened;
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
  const counts = new Uint32Array(classNames.length);
  for (const label of labels) counts[label]!++;
  const unlisted = classNames.flatMap((each, label) => {
    const isLeftOut = newLabels[label] === undefined && counts[label]! > 0;
    return isLeftOut ? [{ name: each, reason: unlistedReason(counts[label]!) }] : [];
  });
  const left = picked(opened, kept);
  return {
    ...left,
    dataset: {
      ...left.dataset,
      classNames: [...classes],
      labels: Int32Array.from(kept, (index) => newLabels[labels[index]!]!),
    },
    skipped: [...opened.skipped, ...unlisted],
  };
}

/** Returns the first names of a list. */
function shortList(names: readonly string[]): string {
  return names.slice(0, 5).join(', ') + (names.length > 5 ? ` and ${names.length - 5} more` : '');
}
