import { downloadLines } from '@vitvq/example-shared';
import { foldIn, randomKey, randomUniform } from '@vitvq/core';
import { openCifar10, openImageArray, readImages, subset, type ImageArray, type LoadedImages } from '@vitvq/data';
import { MEASURED_IMAGES, SMOKE, type Settings } from './config.js';

/** Images that the models have not seen, with the names of their classes. */
export async function readTestImages(
  settings: Settings,
  imageSize: readonly [number, number] | undefined,
): Promise<LoadedImages & { readonly source: string }> {
  const source = settings.smoke
    ? madeUpImages(SMOKE.testImages, SMOKE.trainImages)
    : await openCifar10({ split: 'test', onProgress: downloadLines('CIFAR-10', console.log) });
  const count = Math.min(MEASURED_IMAGES, source.length);
  const measured = subset(
    source,
    Array.from({ length: count }, (_, index) => index),
  );
  return { ...(await readImages(measured, { imageSize: imageSize ?? source.imageSize })), source: source.name };
}

/**
 * A colour above and another below, in which the same channel leads: what there is to be known of the lower half, the upper
 * half tells, and the class tells some of it.
 */
export function madeUpImages(count: number, from = 0): ImageArray {
  const { imageSize, classes } = SMOKE;
  const values = imageSize ** 2 * 3;
  const images = new Uint8Array(count * values);
  const labels = Int32Array.from({ length: count }, (_, index) => index % classes.length);
  for (let index = 0; index < count; index++) {
    const draws = randomUniform(foldIn(randomKey(0), from + index), 4);
    for (let value = 0; value < values; value++) {
      const isLower = value >= values / 2;
      const channel = value % 3;
      const leads = channel === labels[index] ? 0.4 : 0;
      images[index * values + value] = 255 * (leads + 0.6 * (isLower ? draws[channel]! * draws[3]! : draws[channel]!));
    }
  }
  return openImageArray({
    images,
    height: imageSize,
    width: imageSize,
    labels,
    classNames: classes,
    name: 'made-up images',
  });
}
