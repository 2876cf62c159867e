import { printable, type RandomKey } from '@vitvq/core';
import {
  madeUpImages,
  openCifar10,
  openImageFolder,
  splitSource,
  subset,
  type ImageArray,
  type ImageDataset,
  type SkippedImage,
} from '@vitvq/data';
import { downloadLines } from './download-lines.js';

/** Opens a split of CIFAR-10, which is fetched once, and says how the download goes. */
export function openCifar10Split(split: 'train' | 'test'): Promise<ImageArray> {
  return openCifar10({ split, onProgress: downloadLines('CIFAR-10', console.log) });
}

/** Returns the images from `begin` up to `end`, which is excluded, or up to the last one. */
export function imageRange(source: ImageDataset, begin: number, end: number): ImageDataset {
  const count = Math.max(0, Math.min(end, source.length) - begin);
  return subset(
    source,
    Array.from({ length: count }, (_, index) => begin + index),
  );
}

/** Options of {@link openTrainAndHeldOut}. */
export interface TrainAndHeldOutOptions {
  /** Folder of images. @default CIFAR-10 */
  readonly data?: string | undefined;
  /** Whether made-up images are enough. */
  readonly smoke: boolean;
  /** Number of images to hold out, from CIFAR-10's test split; at most a tenth of a folder. */
  readonly heldOut: number;
  /** Height and width of made-up images. */
  readonly imageSize: number;
  /** Decides which images of a folder are held out. */
  readonly key: RandomKey;
}

/** Images to train on, and images to measure on. */
export interface TrainAndHeldOut {
  readonly train: ImageDataset;
  readonly heldOut: ImageDataset;
  /** Unusable images so far: those that the listing found, and those that reading finds damaged. */
  readonly skipped: readonly SkippedImage[];
  /** Adds an unusable image and says so; for whoever reads the images. */
  readonly onSkip: (image: SkippedImage) => void;
}

/** Opens a folder of images, CIFAR-10, or made-up images, in two parts. */
export async function openTrainAndHeldOut(options: TrainAndHeldOutOptions): Promise<TrainAndHeldOut> {
  const { data, smoke, heldOut, imageSize, key } = options;
  const skipped: SkippedImage[] = [];
  const onSkip = (image: SkippedImage): void => {
    skipped.push(image);
    console.log(printable(`left out ${image.name}: ${image.reason} (${skipped.length} so far)`));
  };
  if (data !== undefined) {
    const folder = await openImageFolder(data);
    folder.skipped.forEach(onSkip);
    const holdOut = Math.min(heldOut, Math.max(1, Math.round(0.1 * folder.length)));
    return { ...splitSource(folder, { holdOut, key }), skipped, onSkip };
  }
  if (smoke) {
    const source = madeUpImages({ count: 96, imageSize });
    return { train: imageRange(source, 0, 64), heldOut: imageRange(source, 64, 96), skipped, onSkip };
  }
  const train = await openCifar10Split('train');
  return { train, heldOut: imageRange(await openCifar10Split('test'), 0, heldOut), skipped, onSkip };
}
