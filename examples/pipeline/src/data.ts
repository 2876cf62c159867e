import { downloadLines } from '@vitvq/example-shared';
import type { RepeatedImages } from '@vitvq/codes';
import { foldIn, randomKey, randomUniform } from '@vitvq/core';
import { createBatches, openCifar10, openImageArray, subset, type ImageDataset } from '@vitvq/data';
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

export async function openImages({ smoke }: Settings): Promise<Images> {
  if (smoke) {
    const { trainImages, probeImages, testImages } = SMOKE;
    const source = madeUpImages(trainImages + probeImages + testImages);
    return {
      train: range(source, 0, trainImages),
      probe: range(source, trainImages, trainImages + probeImages),
      test: range(source, trainImages + probeImages, source.length),
    };
  }
  const onProgress = downloadLines('CIFAR-10', (line) => console.log(line));
  const source = await openCifar10({ split: 'train', onProgress });
  const test = await openCifar10({ split: 'test', onProgress });
  const trained = source.length - KEPT_FOR_PROBE;
  return { train: range(source, 0, trained), probe: range(source, trained, source.length), test };
}

/** The first `count` images, or all where there are fewer. */
export function first(source: ImageDataset, count: number): ImageDataset {
  return range(source, 0, Math.min(count, source.length));
}

/**
 * All images again and again, in their order: as they are in the first pass, mirrored in the second, and so on. That mirrors
 * every image once in two views; drawn at random, half of the pairs would be twice the same.
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

function range(source: ImageDataset, begin: number, end: number): ImageDataset {
  return subset(
    source,
    Array.from({ length: end - begin }, (_, index) => begin + index),
  );
}

/** One colour each, with noise; more of a class's own colour on average. */
function madeUpImages(count: number): ImageDataset {
  const { imageSize, classes } = SMOKE;
  const values = imageSize ** 2 * 3;
  const images = new Uint8Array(count * values);
  const labels = Int32Array.from({ length: count }, (_, index) => index % classes.length);
  for (let index = 0; index < count; index++) {
    const draws = randomUniform(foldIn(randomKey(0), index), 3 + values);
    const color = Array.from(
      { length: 3 },
      (_, channel) => 0.5 * draws[channel]! + (channel === labels[index] ? 0.3 : 0),
    );
    for (let value = 0; value < values; value++) {
      images[index * values + value] = 255 * (color[value % 3]! + 0.2 * draws[3 + value]!);
    }
  }
  const array = { images, height: imageSize, width: imageSize, labels, classNames: classes };
  return openImageArray({ ...array, name: 'made-up images' });
}
