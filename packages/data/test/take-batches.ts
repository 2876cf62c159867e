import { randomKey } from '@vitvq/core';
import {
  createBatches,
  openImageArray,
  type BatchOptions,
  type BatchStream,
  type SourceBatch,
  type ImageDataset,
} from '../src/index.js';

export const key = randomKey(7);
export const training = { batchSize: 3, imageSize: 16, crop: 'random', flip: true, shuffle: true, key } as const;

/** `count` images of 8x6 whose first byte is their number. */
export function numbered(count: number, height = 8, width = 6): ImageDataset {
  const images = new Uint8Array(count * height * width * 3);
  for (let index = 0; index < images.length; index++) images[index] = (index * 31) % 251;
  return openImageArray({ images, height, width, labels: Array.from({ length: count }, (_, index) => index) });
}

/** The next batches of a stream. */
export async function take(stream: BatchStream, count: number): Promise<SourceBatch[]> {
  const batches: SourceBatch[] = [];
  for (let index = 0; index < count; index++) batches.push(await stream.next());
  return batches;
}

/** The first batches of a source. */
export async function collect(source: ImageDataset, options: BatchOptions, count: number): Promise<SourceBatch[]> {
  const stream = createBatches(source, options);
  try {
    return await take(stream, count);
  } finally {
    await stream.close();
  }
}
