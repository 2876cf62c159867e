import { foldIn, printable, randomKey, randomUniform, type RandomKey } from '@vitvq/core';
import {
  openCifar10,
  openImageArray,
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

/** Options of {@link madeUpImages}. */
export interface MadeUpImagesOptions {
  readonly count: number;
  /** Height and width. */
  readonly imageSize: number;
  /** Position of the first image in the endless sequence of made-up images. @default 0 */
  readonly from?: number;
  /** Names of three classes, one for each channel. @default MADE_UP_CLASSES */
  readonly classNames?: readonly string[];
}

/** Classes of {@link madeUpImages}, one for each channel. */
export const MADE_UP_CLASSES = ['reddish', 'greenish', 'bluish'] as const;

/**
 * Draws images for `--smoke`: a colour above and a darker or equal one below, with some noise.
 * The channel of the image's class leads in both halves, so that the class tells something of the
 * image, and the upper half tells something of the lower one.
 */
export function madeUpImages(options: MadeUpImagesOptions): ImageArray {
  const { count, imageSize, from = 0, classNames = MADE_UP_CLASSES } = options;
  const values = imageSize ** 2 * 3;
  const images = new Uint8Array(count * values);
  const labels = Int32Array.from({ length: count }, (_, index) => index % classNames.length);
  for (let index = 0; index < count; index++) {
    const draws = randomUniform(foldIn(randomKey(0), from + index), 4 + values);
    for (let value = 0; value < values; value++) {
      const channel = value % 3;
      const lead = channel === labels[index] ? 0.3 : 0;
      const color = draws[channel]! * (value < values / 2 ? 1 : draws[3]!);
      images[index * values + value] = 255 * (lead + 0.5 * color + 0.2 * draws[4 + value]!);
    }
  }
  const shape = { height: imageSize, width: imageSize };
  return openImageArray({ images, ...shape, labels, classNames, name: 'made-up images' });
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
