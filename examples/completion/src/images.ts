import { readImages, type LoadedImages } from '@vitvq/data';
import { imageRange, madeUpImages, openCifar10Split } from '@vitvq/example-shared';
import { MEASURED_IMAGES, SMOKE, type Settings } from './config.js';

/** Reads images that the models have not seen, with the names of their classes. */
export async function readTestImages(
  settings: Settings,
  imageSize: readonly [number, number] | undefined,
): Promise<LoadedImages & { readonly source: string }> {
  const source = settings.smoke
    ? madeUpImages({ count: SMOKE.testImages, imageSize: SMOKE.imageSize, from: SMOKE.trainImages })
    : await openCifar10Split('test');
  const measured = imageRange(source, 0, MEASURED_IMAGES);
  return { ...(await readImages(measured, { imageSize: imageSize ?? source.imageSize })), source: source.name };
}
