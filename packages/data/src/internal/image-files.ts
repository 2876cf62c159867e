import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { problemOf } from './check-file.js';
import type { DecodeSettings } from './complete-source.js';
import { listImages } from './list-images.js';
import { mapLimited } from './map-limited.js';

/** Files that are checked side by side; libvips' own thread pool has four threads. */
const CHECKS_AT_ONCE = 4;

/** How files of a folder are looked at. */
export interface FileChecks {
  readonly check: 'header' | 'pixels' | 'none';
  readonly followLinks: boolean;
  readonly decoding: DecodeSettings;
}

/** The images of a folder, for a list that names them. */
export interface FolderFiles {
  /** Relative paths with `/`, sorted. */
  readonly files: readonly string[];
  /** Returns why files cannot be used, where that is so. */
  readonly problemsOf: (files: readonly string[]) => Promise<(string | undefined)[]>;
}

/** Lists a folder. @throws {DataError} when there is none, or no image in it */
export async function folderFiles(root: string, { check, followLinks, decoding }: FileChecks): Promise<FolderFiles> {
  const { images, refused } = await listImages(root, followLinks);
  if (images.length === 0) throw new DataError({ where: root, expected: 'images in the folder', got: 'none' });
  const present = new Set(images);
  return {
    files: images,
    problemsOf: (files) =>
      mapLimited(files, CHECKS_AT_ONCE, async (file) => {
        if (refused.has(file)) return refused.get(file);
        if (!present.has(file)) return 'it is not there';
        if (check === 'none') return undefined;
        return problemOf(join(root, file), { decoding, minimum: [1, 1], decode: check === 'pixels' });
      }),
  };
}
