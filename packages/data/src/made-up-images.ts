import { foldIn, randomKey, randomUniform } from '@vitvq/core';
import { openImageArray, type ImageArray } from './image-array.js';

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
 * Draws images to try programs on: a colour above and a darker or equal one below, with some noise.
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
