import { takeRows } from '@vitvq/core';
import { readImages, type ImageDataset, type SkippedImage } from '@vitvq/data';
import { ClassConditioner, TextConditioner, type AnyConditioner } from '@vitvq/transformers';
import { captionsOf, textOf } from './captions.js';
import type { WantedImages } from './conditions.js';
import { NetworkConditioner } from './feature-conditions.js';
import { someOf } from './run-images.js';

/** Options of {@link wantedImages}. */
export interface WantedImagesOptions {
  readonly conditioner: AnyConditioner;
  /** Images whose texts or looks are asked for where the model wants such. */
  readonly source: ImageDataset;
  readonly imageSize: readonly [number, number];
  readonly onSkip?: (image: SkippedImage) => void;
}

/** Images of a source that vectors are computed of, at most: more are asked for in turn. */
const largestSource = 256;

/**
 * Returns what so many images are to show: every class in turn, or what the images of a source
 * show, in turn, by their captions or their vectors.
 */
export async function wantedImages(
  { conditioner, source, imageSize, onSkip }: WantedImagesOptions,
  count: number,
): Promise<WantedImages> {
  const at = Array.from({ length: count }, (_, index) => index);
  const prompts = (): string[] => {
    const captions = captionsOf(source);
    return at.map((index) => textOf(captions[index % captions.length]!));
  };
  if (conditioner instanceof ClassConditioner) return { classes: at.map((index) => index % conditioner.classCount) };
  if (conditioner instanceof TextConditioner) return { prompts: prompts() };
  if (!(conditioner instanceof NetworkConditioner)) return {};
  if (conditioner.isOfCaptions) return { vectors: await conditioner.ofTexts(prompts()) };
  const some = someOf(source, Math.min(count, largestSource, source.length));
  const vectors = await conditioner.vectors.ofImages(await readImages(some, { imageSize: [...imageSize], onSkip }));
  const { width } = conditioner.vectors;
  const rows = vectors.length / width;
  return {
    vectors: takeRows(
      vectors,
      width,
      at.map((index) => index % rows),
    ),
  };
}
