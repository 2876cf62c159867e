import type { ImageSource, RandomKey, Size2D } from '@vitvq/core';
import type { Augmentation } from './augmentation.js';
import type { BatchPart } from './batch-part.js';
import type { SkippedImage } from './skipped-image.js';

/** What a batch shows of each image. */
export interface CropOptions {
  /** Height and width of the result in pixels. */
  imageSize: Size2D;
  /**
   * Before the crop an image is scaled, keeping its proportions, until it just covers this size; at
   * least `imageSize`.
   * @default imageSize
   */
  resizeTo?: Size2D;
  /** Where the crop lies in the scaled image. @default 'center' */
  crop?: 'random' | 'center';
  /** Whether half of the images, at random, are mirrored left to right. @default false */
  flip?: boolean;
  /**
   * Random changes as a list of steps, such as `[{ kind: 'random-resized-crop' }, { kind: 'flip' },
   * { kind: 'rand-augment' }]`, in place of `crop` and `flip`. A condition image is cropped and
   * mirrored as its image is; its pixels stay.
   * @default none
   */
  augment?: Augmentation;
}

/** Which images a batch holds. */
export interface OrderOptions {
  /** Images in a batch. */
  batchSize: number;
  /**
   * Whether each epoch has a new order; otherwise every epoch has the order of the source.
   * @default false
   */
  shuffle?: boolean;
  /** Decides order, crops and flips; needed when any of these is random. */
  key?: RandomKey;
  /**
   * What an epoch does with images that do not fill a batch: `drop` them (training: every batch is
   * full), `pad` the batch with zeros (evaluation with a compiled function: the shape never
   * changes), or hand out a smaller, `partial` one.
   * @default 'drop'
   */
  lastBatch?: 'drop' | 'pad' | 'partial';
  /**
   * Number of times that the stream goes through the source; after the last batch it ends.
   * @default Infinity
   */
  epochs?: number;
  /** Batches to pass over: the `position` at which an earlier stream stopped. @default 0 */
  startAt?: number;
  /**
   * Which part of each batch to read, where several processes share the batches: process `rank` of
   * `processes` reads neighbouring rows of the batch that one process would read, and no image of
   * the others. `batchSize`, `position` and `startAt` count whole batches, so that another number
   * of processes goes on at the same place.
   * @default the whole batch
   */
  part?: BatchPart;
}

/** How images are read. Nothing here changes what is in a batch. */
export interface ReadOptions {
  /** Threads that decode; 0 decodes on the calling thread. @default half the cores, 1 to 4 */
  workers?: number;
  /** Batches that are made ahead of time; each takes the memory of a batch. @default workers + 1 */
  prefetch?: number;
  /** Called once for each unusable image, in order of batches. @default a process warning */
  onSkip?: (image: SkippedImage) => void;
}

/** Options of `createBatches`. */
export interface BatchOptions extends CropOptions, OrderOptions, ReadOptions {
  /**
   * A second image for each image, such as its segmentation map or its sketch: image i belongs to
   * image i. It may have another size but must have the same proportions, and is scaled, cropped
   * and mirrored as its image is. Where one of a pair cannot be used, neither is.
   * `openPairedFolders` opens folders as pairs. @default none
   */
  conditionSource?: ImageSource;
}
