import { extname } from 'node:path';
import { DataError, formatShape } from '@vitvq/core';
import type { ImageDataset } from '../image-dataset.js';
import { haveSameProportions } from './crop-region.js';

const FIX = 'Open folders with openPairedFolders, and take the same subset of both sources.';

/**
 * Returns what two names must share to belong together: the path below the folder, without the
 * extension.
 */
export function pairName(name: string): string {
  return name.slice(0, name.length - extname(name).length).normalize('NFC');
}

/**
 * Checks that image i of one source can belong to image i of the other, as far as the sources say
 * without being read.
 * @throws {DataError} for sources of different lengths, other names of images, images of other
 *   proportions
 */
export function assertPairs(source: ImageDataset, conditions: ImageDataset, where: string): void {
  if (source.length !== conditions.length) {
    throw new DataError({
      where,
      expected: `a condition image for each of ${source.length} images in ${source.name}`,
      got: `${conditions.length} in ${conditions.name}`,
      fix: FIX,
    });
  }
  if (source.nameOf && conditions.nameOf) {
    for (let index = 0; index < source.length; index++) {
      const [name, other] = [source.nameOf(index), conditions.nameOf(index)];
      if (pairName(name) === pairName(other)) continue;
      throw new DataError({
        where,
        expected: `a condition image named like ${name}, apart from the extension`,
        got: other,
        fix: FIX,
      });
    }
  }
  const [size, otherSize] = [source.imageSize, conditions.imageSize];
  if (size && otherSize && !haveSameProportions(size, otherSize)) {
    throw new DataError({
      where,
      expected: `condition images of the proportions of ${formatShape(size)}`,
      got: formatShape(otherSize),
    });
  }
}
