import { ConfigError } from '@vitvq/core';
import { madeUpImages, subset, type ImageDataset } from '@vitvq/data';
import { IMAGE_TO_IMAGE_SMOKE, openExampleImages, type ImageToImageData } from '@vitvq/example-shared';
import { someOf } from '@vitvq/run';
import { QUICKSTART } from '@vitvq/tokenizer';
import type { Settings } from './config.js';

/**
 * Opens the images: CIFAR-10, or those of a folder.
 * @throws {ConfigError} for images without classes, and where a small pixel is larger than a token
 */
export async function openData(settings: Settings, directory: string | undefined): Promise<ImageToImageData> {
  const data = settings.smoke ? madeUpData() : await exampleData(settings, directory);
  const { length } = data.train.classNames;
  if (length < 2) {
    throw new ConfigError({
      where: 'super-resolution',
      expected: 'images of two classes or more: a classifier of them compares images',
      got: length === 0 ? 'images without classes' : 'one class',
      fix: 'A sub-folder is a class.',
    });
  }
  const { patchSize } = data.sizes;
  if (typeof patchSize === 'number' && patchSize % settings.scale === 0) return data;
  throw new ConfigError({
    where: 'super-resolution',
    expected: 'whole pixels of the small image in each token',
    got: `tokens of ${String(patchSize)} pixels, enlarged ${settings.scale} times`,
  });
}

function madeUpData(): ImageToImageData {
  const { imageSize, trainImages, testImages } = IMAGE_TO_IMAGE_SMOKE;
  const source = madeUpImages({ count: trainImages + testImages, imageSize });
  const part = (from: number, count: number): ImageDataset =>
    subset(
      source,
      Array.from({ length: count }, (_, index) => from + index),
    );
  return {
    train: part(0, trainImages),
    test: part(trainImages, testImages),
    sizes: { imageSize, patchSize: QUICKSTART.patchSize },
    shown: { crop: 'center', flip: true },
  };
}

async function exampleData({ seed, images }: Settings, data: string | undefined): Promise<ImageToImageData> {
  const { train, validation, sizes, shown } = await openExampleImages({ data, heldOut: images, seed });
  return { train, test: someOf(validation, images), sizes, shown };
}
