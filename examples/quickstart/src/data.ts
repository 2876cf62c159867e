import { downloadLines } from '@vitvq/example-shared';
import { foldIn, randomKey, randomUniform } from '@vitvq/core';
import {
  createBatches,
  openCifar10,
  openImageArray,
  openImageFolder,
  readImages,
  splitSource,
  subset,
  type BatchStream,
  type ImageDataset,
  type LoadedImages,
  type SkippedImage,
} from '@vitvq/data';
import { CROP_MARGIN, HELD_OUT, SMOKE, STREAMS } from './config.js';
import type { Settings } from './options.js';

export interface Data {
  /** For people. */
  readonly description: string;
  readonly train: ImageDataset;
  readonly heldOut: ImageDataset;
  /** Unusable images so far: those that the listing found, and those that turn out damaged when they are read. */
  readonly skipped: SkippedImage[];
  /** Prints a line; also for what is found during the training. */
  readonly say: (line: string) => void;
}

/** Training and held-out images; `say` gets a line now and then while they are fetched. */
export async function openData(settings: Settings, say: (line: string) => void): Promise<Data> {
  const { data, seed, strict } = settings;
  if (data === 'synthetic') {
    const count = SMOKE.trainImages + SMOKE.heldOutImages;
    const { train, heldOut } = splitSource(syntheticImages(count, settings.imageSize), {
      holdOut: SMOKE.heldOutImages,
      key: foldIn(randomKey(seed), STREAMS.split),
    });
    return { description: `${count} made-up images`, train, heldOut, skipped: [], say };
  }
  if (data === 'cifar10') {
    const onProgress = downloadLines('CIFAR-10', say);
    const train = await openCifar10({ split: 'train', onProgress });
    const test = await openCifar10({ split: 'test', onProgress });
    const heldOut = subset(
      test,
      Array.from({ length: HELD_OUT.images }, (_, index) => index),
    );
    return { description: `CIFAR-10: ${train.length} training images`, train, heldOut, skipped: [], say };
  }
  const folder = await openImageFolder(data, { strict, check: strict ? 'pixels' : 'header' });
  const wanted = Math.min(HELD_OUT.images, Math.max(1, Math.round(HELD_OUT.shareOfFolder * folder.length)));
  const { train, heldOut } = splitSource(folder, { holdOut: wanted, key: foldIn(randomKey(seed), STREAMS.split) });
  return { description: `${data}: ${train.length} training images`, train, heldOut, skipped: [...folder.skipped], say };
}

/** The endless, shuffled batches of the training; the same settings and `startAt` give the same images. */
export function openTrainingBatches(
  source: Data,
  { data, imageSize, batchSize, seed }: Settings,
  startAt: number,
): BatchStream {
  const { train } = source;
  const isFolder = train.imageSize === undefined;
  return createBatches(train, {
    batchSize: Math.min(batchSize, train.length),
    imageSize,
    resizeTo: isFolder ? Math.round(imageSize * CROP_MARGIN) : imageSize,
    crop: isFolder ? 'random' : 'center',
    flip: data !== 'synthetic',
    shuffle: true,
    key: foldIn(randomKey(seed), STREAMS.batches),
    startAt,
    onSkip: (image) => note(source, image),
  });
}

function note({ skipped, say }: Data, image: SkippedImage): void {
  skipped.push(image);
  say(`left out ${image.name}: ${image.reason} (${skipped.length} so far)`);
}

/** All held-out images in memory. */
export function readHeldOut(source: Data, { imageSize }: Settings): Promise<LoadedImages> {
  return readImages(source.heldOut, { imageSize, onSkip: (image) => note(source, image) });
}

/** A disc before a colour gradient, all drawn from a key. */
function syntheticImages(count: number, size: number): ImageDataset {
  const images = new Uint8Array(count * size * size * 3);
  for (let index = 0; index < count; index++) {
    const draws = randomUniform(foldIn(randomKey(0), index), 12);
    const [x = 0, y = 0, radius = 0] = [draws[9]! * size, draws[10]! * size, (0.15 + 0.25 * draws[11]!) * size];
    for (let pixel = 0; pixel < size * size; pixel++) {
      const [row, column] = [Math.floor(pixel / size), pixel % size];
      const isDisc = Math.hypot(row - y, column - x) < radius;
      for (let channel = 0; channel < 3; channel++) {
        const gradient = (draws[channel]! * row + draws[3 + channel]! * column) / (2 * size);
        images[(index * size * size + pixel) * 3 + channel] = 255 * (isDisc ? draws[6 + channel]! : gradient);
      }
    }
  }
  return openImageArray({ images, height: size, width: size, name: 'made-up images' });
}
