import { encodeToShards, type RepeatedImages } from '@vitvq/codes';
import { createBatches, type BatchOptions, type ImageDataset, type SkippedImage } from '@vitvq/data';
import type { VQTokenizer } from '@vitvq/tokenizer';
import type { AnyConditioner } from '@vitvq/transformers';
import { CountProgress } from './count-progress.js';
import { imageSizeOf } from './image-size.js';
import type { RunView } from './run-progress.js';

/** Options of {@link encodeViews}. */
export interface EncodeViewsOptions {
  /** Frozen. */
  readonly tokenizer: VQTokenizer;
  /** Passes over the images: the first as they are, the second mirrored, and so on. */
  readonly views: number;
  readonly batchSize: number;
  /** Folder for the shards; a call that was stopped is gone on with. */
  readonly directory: string;
  /** Knows the condition of each image. @default none: the labels are kept */
  readonly conditioner?: AnyConditioner | undefined;
  readonly onSkip: (image: SkippedImage) => void;
  readonly view: RunView;
  readonly signal: AbortSignal | undefined;
}

/** Encodes images into shards of codes, with a bar, and returns the number of images of a view. */
export async function encodeViews(source: ImageDataset, options: EncodeViewsOptions): Promise<number> {
  const { tokenizer, views, batchSize, directory, conditioner, onSkip, view, signal } = options;
  const imageSize = imageSizeOf(tokenizer);
  const total = views * source.length;
  const progress = new CountProgress(view.openProgress({ show: [], signal }), total);
  try {
    const { images } = await encodeToShards({
      tokenizer,
      openBatches: (startAt) => openViews(source, { imageSize, batchSize, startAt, onSkip }),
      views,
      directory,
      conditioner,
      onProgress: ({ progress: done }) => progress.update(Math.round(done * total)),
      signal,
    });
    return images;
  } finally {
    progress.stop();
  }
}

/**
 * Returns all images again and again, in their order: as they are in the first epoch, mirrored in
 * the second, and so on. That mirrors every image once in two views; drawn at random, half of the
 * pairs would be twice the same.
 */
function openViews(source: ImageDataset, options: BatchOptions): RepeatedImages {
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
