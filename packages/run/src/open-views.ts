import type { RepeatedImages } from '@vitvq/codes';
import { createBatches, type BatchOptions, type ImageDataset } from '@vitvq/data';

/**
 * Returns all images again and again, in their order: as they are in the first epoch, mirrored in
 * the second, and so on. That mirrors every image once in two views; drawn at random, half of the
 * pairs would be twice the same.
 */
export function openViews(source: ImageDataset, options: BatchOptions): RepeatedImages {
  const stream = createBatches(source, { ...options, lastBatch: 'pad' });
  return {
    batchesPerEpoch: stream.batchesPerEpoch,
    fingerprint: stream.fingerprint,
    next: async () => {
      const batch = await stream.next();
      return batch.epoch % 2 === 0 ? batch : { ...batch, images: mirrored(batch.images, batch.shape) };
    },
    close: () => stream.close(),
  };
}

function mirrored(
  images: Float32Array,
  [count, height, width, channels]: readonly [number, number, number, number],
): Float32Array {
  const result = new Float32Array(images.length);
  for (let row = 0; row < count * height; row++) {
    for (let x = 0; x < width; x++) {
      const from = (row * width + x) * channels;
      result.set(images.subarray(from, from + channels), (row * width + width - 1 - x) * channels);
    }
  }
  return result;
}
