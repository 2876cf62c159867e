import { checkOptions, concatenate, type HostImages, type ImageSource, type OptionTable } from '@vitvq/core';
import type { BatchOptions } from './batch-options.js';
import { createBatches } from './batches.js';
import { completeSource } from './internal/complete-source.js';

/** Images in memory with their labels. */
export interface LoadedImages extends HostImages {
  /** Class of each image, a position in the `classNames` of the source. */
  readonly labels: Int32Array;
  /** Name of each image's class; empty strings where there are no classes. */
  readonly names: readonly string[];
}

/** Images decoded at a time. */
const batchSize = 64;

type ReadImagesOptions = Pick<BatchOptions, 'imageSize' | 'resizeTo' | 'workers' | 'onSkip'>;

const optionNames: OptionTable<ReadImagesOptions> = {
  imageSize: 'required',
  resizeTo: 'optional',
  workers: 'optional',
  onSkip: 'optional',
};

/**
 * Reads all images of a source into memory, in the order of the source, such as a held-out set for
 * evaluations. Unusable images are left out; `onSkip` is called for each.
 * @throws {ConfigError} naming the option
 * @throws {DataError} when a source describes itself wrongly or, in strict mode, an image cannot
 *   be used
 */
export async function readImages(source: ImageSource, options: ReadImagesOptions): Promise<LoadedImages> {
  checkOptions(options, optionNames, 'readImages');
  const { classNames } = completeSource(source, 'readImages');
  const parts: Float32Array[] = [];
  const labels: number[] = [];
  let imageShape: [number, number, number] = [0, 0, 0];
  for await (const batch of createBatches(source, { ...options, batchSize, lastBatch: 'partial', epochs: 1 })) {
    parts.push(batch.images);
    labels.push(...batch.labels);
    imageShape = [batch.shape[1], batch.shape[2], batch.shape[3]];
  }
  return {
    data: concatenate(parts, Float32Array),
    shape: [labels.length, ...imageShape],
    labels: Int32Array.from(labels),
    names: labels.map((label) => classNames[label] ?? ''),
  };
}
