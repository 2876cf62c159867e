import { toRgbImages } from '@vitvq/core';
import { openImageFolder, readImages, subset, type ImageDataset } from '@vitvq/data';
import { madeUpImages, openCifar10Split } from '@vitvq/example-shared';
import { encodePng } from '@vitvq/report';
import { PICTURES, SMOKE } from './config.js';
import type { Request } from './options.js';

/** A picture that the models have not seen, as large as they want it. */
export interface Picture {
  readonly name: string;
  readonly png: Uint8Array;
}

/**
 * Pictures to begin with. A run says what it was trained on; of CIFAR-10, its test images serve. Of
 * pictures of one's own nothing here knows which were held out, so that they are to be given.
 */
export async function readPictures(
  { smoke, images }: Pick<Request, 'smoke' | 'images'>,
  trainedOn: string | undefined,
  imageSize: readonly [number, number],
): Promise<Picture[]> {
  const source = smoke
    ? madeUpImages({ count: SMOKE.classes.length, imageSize: SMOKE.imageSize })
    : await openSource(images, trainedOn);
  if (!source) return [];
  const chosen = subset(source, firstOfEachClass(source));
  const { data, shape, names } = await readImages(chosen, { imageSize });
  return toRgbImages({ data, shape }).map((image, index) => ({
    name: names[index] || `picture ${index + 1}`,
    png: encodePng(image),
  }));
}

async function openSource(
  images: string | undefined,
  trainedOn: string | undefined,
): Promise<ImageDataset | undefined> {
  if (images !== undefined) return openImageFolder(images);
  // Folders of earlier versions do not say it; their examples had CIFAR-10.
  if (trainedOn !== undefined && !trainedOn.startsWith('CIFAR-10')) return undefined;
  return openCifar10Split('test');
}

function firstOfEachClass({ labels, classNames, length }: ImageDataset): number[] {
  if (classNames.length < 2) return Array.from({ length: Math.min(PICTURES, length) }, (_, index) => index);
  const first = classNames.map((_, label) => labels.indexOf(label)).filter((index) => index >= 0);
  return first.slice(0, PICTURES);
}
