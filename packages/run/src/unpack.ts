import { join } from 'node:path';
import {
  createBatches,
  openDataSource,
  type DataSourceConfig,
  type ImageDataset,
  type SkippedImage,
} from '@vitvq/data';
import { toRgbImages } from '@vitvq/core';
import { createFolder } from '@vitvq/files';
import { writePng } from '@vitvq/report';
import { CountProgress } from './count-progress.js';
import { someOf } from './run-images.js';
import { collectSkipped } from './skip-collector.js';
import { silentView, type RunView } from './run-progress.js';

/** Options of {@link unpack}. */
export interface UnpackOptions {
  readonly data: DataSourceConfig;
  /** Folder for the PNG files, with a sub-folder for each class. */
  readonly out: string;
  /** So many of the images, at equal distances. @default all */
  readonly images?: number;
  /** Height and width in pixels; needed where the images of a source have different sizes. */
  readonly imageSize?: number | readonly [number, number];
  readonly view?: RunView;
  readonly signal?: AbortSignal;
}

/** What {@link unpack} wrote. */
export interface UnpackedImages {
  readonly images: number;
  readonly classes: readonly string[];
  readonly skipped: readonly SkippedImage[];
}

/** Images that are read at once. */
const batchSize = 32;

/** Size of images of different sizes where nobody names one. */
const usualSize = 256;

/**
 * Writes the images of any source as PNG files into a folder that is a source itself: shards, a
 * database or a downloaded data set become pictures to look at.
 */
export async function unpack(options: UnpackOptions): Promise<UnpackedImages> {
  const { data, out, view = silentView, signal } = options;
  const { skipped, onSkip } = collectSkipped(view.log);
  const source = someOf(await openDataSource(data, { onSkip, onProgress: view.log, signal }), options.images);
  const imageSize = options.imageSize ?? source.imageSize ?? usualSize;
  const progress = new CountProgress(view.openProgress({ show: [], signal }), source.length);
  const digits = String(source.length - 1).length;
  let written = 0;
  try {
    for (const name of foldersOf(source)) await createFolder(join(out, name));
    for await (const batch of createBatches(source, {
      batchSize,
      imageSize,
      lastBatch: 'partial',
      epochs: 1,
      onSkip,
    })) {
      signal?.throwIfAborted();
      for (const [row, image] of toRgbImages({ data: batch.images, shape: batch.shape }).entries()) {
        const index = String(batch.indices[row]!).padStart(digits, '0');
        await writePng(join(out, folderOf(source, batch.labels[row]!), `${index}.png`), image);
        written++;
      }
      progress.update(written);
    }
  } finally {
    progress.stop();
  }
  return { images: written, classes: source.classNames, skipped };
}

function folderOf({ classNames }: ImageDataset, label: number): string {
  // A class may be called anything, and its folder must lie in `out`.
  return classNames.length > 1 ? classNames[label]!.replace(/[^\p{L}\p{N} ._-]/gu, '-').replace(/^\.+/, '-') : '';
}

function foldersOf(source: ImageDataset): string[] {
  return source.classNames.length > 1 ? source.classNames.map((_, label) => folderOf(source, label)) : [''];
}
