import * as tf from '@tensorflow/tfjs-core';
import { elementCount, mean, type HostImages, type ImageBatch, type RandomKey, type Size2D } from '@vitvq/core';
import { createBatches, type ImageDataset } from '@vitvq/data';
import { compile } from '@vitvq/engine';
import {
  evaluateImages,
  reconstructionMetrics,
  ssim,
  trainProxyClassifier,
  type FeatureExtractor,
  type ProxyClassifier,
} from '@vitvq/evaluation';
import { z } from 'zod';

/** How near drawn images come to true ones. */
export const comparisonSchema = z.strictObject({
  /** Decibels, mean over the images. */
  psnr: z.number(),
  ssim: z.number(),
  /** Mean Euclidean distance of the features of an image and of the true one. */
  featureDistance: z.number(),
  /** Fréchet distance of the features of all images from those of the true ones. */
  frechetDistance: z.number(),
});

/** Figures of {@link compareImages}. */
export type Comparison = z.output<typeof comparisonSchema>;

/** Options of {@link compareImages}. */
export interface CompareImagesOptions {
  readonly extractor: FeatureExtractor;
  readonly seed: number;
  readonly batchSize: number;
  readonly signal: AbortSignal;
}

/** Compares drawn images with the true ones, of which there are 20 or more. */
export async function compareImages(
  real: HostImages,
  drawn: HostImages,
  { extractor, seed, batchSize, signal }: CompareImagesOptions,
): Promise<Comparison> {
  const cards = await evaluateImages({
    real: () => batchesOf(real, batchSize),
    generated: () => batchesOf(drawn, batchSize),
    extractor,
    metrics: ['frechet-distance'],
    seed,
    resize: 'none',
    signal,
  });
  return {
    psnr: reconstructionMetrics(real.data, drawn.data, elementCount(real.shape.slice(1))).psnr,
    ssim: mean(ssim(real, drawn)),
    featureDistance: await featureDistance(extractor, real, drawn, batchSize),
    frechetDistance: cards[0]!.value,
  };
}

async function featureDistance(
  extractor: FeatureExtractor,
  real: HostImages,
  drawn: HostImages,
  batchSize: number,
): Promise<number> {
  const measure = compile(
    (a: tf.Tensor4D, b: tf.Tensor4D) =>
      tf.tidy(() => {
        const difference = tf.sub(extractor.features(a).pooled, extractor.features(b).pooled);
        return tf.sqrt(tf.sum(tf.square(difference), 1));
      }),
    { name: 'distances of features', variables: 'frozen' },
  );
  const others = batchesOf(drawn, batchSize);
  const distances: number[] = [];
  try {
    for (const { images, shape } of batchesOf(real, batchSize)) {
      const inputs = [images, others.next().value!.images].map((data) =>
        tf.tensor4d(data, shape as HostImages['shape'] as [number, number, number, number]),
      ) as [tf.Tensor4D, tf.Tensor4D];
      const result = await measure(...inputs);
      distances.push(...(await result.data()));
      tf.dispose([...inputs, result]);
    }
    return mean(distances);
  } finally {
    measure.dispose();
  }
}

/** Divides images in memory into batches. */
function* batchesOf({ data, shape }: HostImages, batchSize: number): Generator<ImageBatch, undefined> {
  const [count, ...rest] = shape;
  const size = elementCount(rest);
  for (let from = 0; from < count; from += batchSize) {
    const to = Math.min(count, from + batchSize);
    yield { images: data.subarray(from * size, to * size), shape: [to - from, ...rest] };
  }
  return undefined;
}

/** Options of {@link trainComparingProxy}. */
export interface ComparingProxyOptions {
  readonly train: ImageDataset;
  readonly test: ImageDataset;
  readonly imageSize: Size2D;
  /** Sizes and steps, see `trainProxyClassifier` of @vitvq/evaluation. */
  readonly proxy: {
    readonly steps: number;
    readonly channels: readonly number[];
    readonly inputSize: readonly [number, number];
  };
  readonly batchSize: number;
  readonly key: RandomKey;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** Trains a small classifier of the training images, whose features compare images. */
export function trainComparingProxy({
  train,
  test,
  imageSize,
  proxy: { steps, channels, inputSize },
  batchSize,
  key,
  seed,
  signal,
}: ComparingProxyOptions): Promise<ProxyClassifier> {
  return trainProxyClassifier({
    images: () =>
      createBatches(train, { batchSize: Math.min(32, train.length), imageSize, flip: true, shuffle: true, key }),
    test: () => createBatches(test, { batchSize, imageSize, lastBatch: 'partial', epochs: 1 }),
    classes: train.classNames.length,
    classNames: [...train.classNames],
    steps,
    channels: [...channels],
    inputSize: [...inputSize],
    seed,
    signal,
  });
}
