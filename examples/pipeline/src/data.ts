import type { RepeatedImages } from '@vitvq/codes';
import { createBatches, type ImageDataset } from '@vitvq/data';
import { imageRange, madeUpImages, openCifar10Split } from '@vitvq/example-shared';
import { KEPT_FOR_PROBE, SMOKE, type Settings } from './config.js';

/** Three sets without an image in common. */
export interface Images {
  /** For tokenizer and transformer. */
  readonly train: ImageDataset;
  /** For the probe: the models that it looks into have not seen them. */
  readonly probe: ImageDataset;
  /** Everything is measured on them, and nothing learns from them. */
  readonly test: ImageDataset;
}

/** Opens CIFAR-10, or made-up images, in three parts. */
export async function openImages({ smoke }: Settings): Promise<Images> {
  if (smoke) {
    const { trainImages, probeImages, testImages, imageSize } = SMOKE;
    const source = madeUpImages({ count: trainImages + probeImages + testImages, imageSize });
    return {
      train: imageRange(source, 0, trainImages),
      probe: imageRange(source, trainImages, trainImages + probeImages),
      test: imageRange(source, trainImages + probeImages, source.length),
    };
  }
  const source = await openCifar10Split('train');
  const test = await openCifar10Split('test');
  const trained = source.length - KEPT_FOR_PROBE;
  return { train: imageRange(source, 0, trained), probe: imageRange(source, trained, source.length), test };
}

/**
 * Returns all images again and again, in their order: as they are in the first epoch, mirrored in
 * the second, and so on. That mirrors every image once in two views; drawn at random, half of the
 * pairs would be twice the same.
 */
export function openViews(
  source: ImageDataset,
  options: { readonly imageSize: number; readonly batchSize: number; readonly startAt: number },
): RepeatedImages {
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
