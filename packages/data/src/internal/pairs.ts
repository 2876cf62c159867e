import { extname } from 'node:path';
import { ConfigError, DataError, formatShape } from '@vitvq/core';
import type { ImageSource } from '../image-source.js';
import { haveSameProportions } from './crop.js';

/** What two files must share to belong together: the path below the folder, without the extension. */
export function pairName(file: string): string {
  return file.slice(0, file.length - extname(file).length).normalize('NFC');
}

/**
 * Throws unless image i of one source can belong to image i of the other.
 * @throws {ConfigError} for a folder with an array
 * @throws {DataError} for sources of different lengths, other names of files, arrays of other proportions
 */
export function assertPairs(source: ImageSource, conditionSource: ImageSource, where: string): void {
  const [storage, other] = [source.storage, conditionSource.storage];
  if (source.length !== conditionSource.length) {
    throw new DataError({
      where,
      expected: `a condition image for each of ${source.length} images in ${source.name}`,
      got: `${conditionSource.length} in ${conditionSource.name}`,
      fix: 'Open folders with openPairedFolders, and take the same subset of both sources.',
    });
  }
  if (storage.kind === 'files' && other.kind === 'files') {
    const wrong = storage.files.findIndex((file, index) => pairName(file) !== pairName(other.files[index]!));
    if (wrong >= 0) {
      throw new DataError({
        where,
        expected: `a condition image named like ${storage.files[wrong]}, apart from the extension`,
        got: other.files[wrong]!,
        fix: 'Open folders with openPairedFolders, and take the same subset of both sources.',
      });
    }
  } else if (storage.kind === 'pixels' && other.kind === 'pixels') {
    if (!haveSameProportions([storage.height, storage.width], [other.height, other.width])) {
      throw new DataError({
        where,
        expected: `condition images of the proportions of ${formatShape([storage.height, storage.width])}`,
        got: formatShape([other.height, other.width]),
      });
    }
  } else {
    throw new ConfigError({
      where,
      expected: 'images and condition images both from folders, or both in memory',
      got: `${storage.kind} with ${other.kind}`,
    });
  }
}
