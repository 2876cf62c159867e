import { encodeToShards } from '@vitvq/codes';
import type { ImageDataset, SkippedImage } from '@vitvq/data';
import type { VQTokenizer } from '@vitvq/tokenizer';
import type { AnyConditioner } from '@vitvq/transformers';
import { CountProgress } from './count-progress.js';
import { imageSizeOf } from './image-size.js';
import { openViews } from './open-views.js';
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
