import { join } from 'node:path';
import { ConfigError } from '@vitvq/core';
import { openDataSource, readImages, type DataSourceConfig, type SkippedImage } from '@vitvq/data';
import { Evaluator } from '@vitvq/evaluation';
import { comparisonGrid, writePng } from '@vitvq/report';
import { imageSizeOf } from './image-size.js';
import { loadRunTokenizer, openRun } from './open-run.js';
import { someOf } from './run-images.js';
import { collectSkipped } from './skip-collector.js';
import { silentView, type RunView } from './run-progress.js';
import { writePictures } from './write-pictures.js';

/** Options of {@link reconstruct}. */
export interface ReconstructOptions {
  /** Run or model with the tokenizer, see `openRun`. */
  readonly run: string;
  readonly data: DataSourceConfig;
  /** Folder for the PNG files. */
  readonly out: string;
  /** So many of the images, at equal distances. @default 24 */
  readonly count?: number;
  readonly view?: RunView;
  readonly signal?: AbortSignal;
}

/** What {@link reconstruct} wrote. */
export interface ReconstructedImages {
  readonly images: number;
  /** Mean over the images, in decibels. */
  readonly psnr: number;
  /** Each image beside its reconstruction, in one picture. */
  readonly comparison: string;
  readonly skipped: readonly SkippedImage[];
}

/**
 * Turns images into codes and back, and writes what comes out as PNG files, with `comparison.png`,
 * each image beside its reconstruction. Images are cropped at the centre to the tokenizer's size.
 * The current engine computes.
 */
export async function reconstruct(options: ReconstructOptions): Promise<ReconstructedImages> {
  const { run, data, out, count = 24, view = silentView, signal } = options;
  if (!Number.isInteger(count) || count < 1) {
    throw new ConfigError({ where: 'reconstruct', expected: 'count to be a whole number above 0', got: String(count) });
  }
  const tokenizer = await loadRunTokenizer(await openRun(run));
  try {
    const { skipped, onSkip } = collectSkipped(view.log);
    const source = someOf(await openDataSource(data, { onSkip, onProgress: view.log, signal }), count);
    const originals = await readImages(source, { imageSize: imageSizeOf(tokenizer), onSkip });
    signal?.throwIfAborted();
    const evaluator = new Evaluator(tokenizer, { batchSize: Math.min(32, originals.shape[0]) });
    const { psnr, reconstructions } = await evaluator.evaluate(originals).finally(() => evaluator.dispose());
    const digits = String(originals.shape[0] - 1).length;
    const names = Array.from({ length: originals.shape[0] }, (_, index) => String(index).padStart(digits, '0'));
    await writePictures(out, reconstructions, names);
    const comparison = join(out, 'comparison.png');
    await writePng(comparison, await comparisonGrid([originals, reconstructions]));
    return { images: originals.shape[0], psnr, comparison, skipped };
  } finally {
    tokenizer.dispose();
  }
}
