import { foldIn, randomKey, randomUniform, toRgbImages } from '@vitvq/core';
import { openCifar10, openImageArray, openImageFolder, readImages, subset, type ImageDataset } from '@vitvq/data';
import { downloadLines } from '@vitvq/example-shared';
import { encodePng } from '@vitvq/report';
import { PICTURES, SMOKE } from './config.js';
import type { Request } from './options.js';

/** A picture that the models have not seen, as large as they want it. */
export interface Picture {
  readonly name: string;
  readonly png: Uint8Array;
}

/**
 * Pictures to begin with. A run says what it was trained on; of CIFAR-10, its test images serve. Of pictures of one's own
 * nothing here knows which were held out, so that they are to be given.
 */
export async function readPictures(
  { smoke, images }: Pick<Request, 'smoke' | 'images'>,
  trainedOn: string | undefined,
  imageSize: readonly [number, number],
): Promise<Picture[]> {
  const source = smoke ? madeUpPictures() : await openSource(images, trainedOn);
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
  return openCifar10({ split: 'test', onProgress: downloadLines('CIFAR-10', console.log) });
}

function firstOfEachClass({ labels, classNames, length }: ImageDataset): number[] {
  if (classNames.length < 2) return Array.from({ length: Math.min(PICTURES, length) }, (_, index) => index);
  const first = classNames.map((_, label) => labels.indexOf(label)).filter((index) => index >= 0);
  return first.slice(0, PICTURES);
}

/** Two colours each, in which one channel leads. */
function madeUpPictures(): ImageDataset {
  const { imageSize, classes } = SMOKE;
  const values = imageSize ** 2 * 3;
  const images = new Uint8Array(classes.length * values);
  for (const label of classes.keys()) {
    const draws = randomUniform(foldIn(randomKey(0), label), 6);
    for (let value = 0; value < values; value++) {
      const [channel, isLower] = [value % 3, value >= values / 2];
      images[label * values + value] =
        255 * ((channel === label ? 0.4 : 0) + 0.6 * draws[channel + (isLower ? 3 : 0)]!);
    }
  }
  const labels = Int32Array.from(classes.keys());
  return openImageArray({
    images,
    height: imageSize,
    width: imageSize,
    labels,
    classNames: classes,
    name: 'made-up pictures',
  });
}
