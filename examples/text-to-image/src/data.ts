import { foldIn, randomUniform, type RandomKey } from '@vitvq/core';
import { createBatches, madeUpImages, subset, type Caption, type ImageDataset, type SkippedImage } from '@vitvq/data';
import { openExampleImages, type ExampleImages } from '@vitvq/example-shared';
import { someOf } from '@vitvq/run';
import { QUICKSTART } from '@vitvq/tokenizer';
import { measureAttributes, type Attributes } from './attributes.js';
import { asCaption, captionOf } from './captions.js';
import { amountsOf, keyOf, SMOKE, type Settings } from './config.js';

/** Images with a caption each. */
export interface Captioned {
  readonly source: ImageDataset;
  readonly captions: readonly string[];
  /** What is true of each, from which the captions were made; absent for captions out of files. */
  readonly attributes?: readonly Attributes[];
}

/** What a run learns from, and how images are shown to its tokenizer. */
export interface Data extends Pick<ExampleImages, 'sizes' | 'shown'> {
  readonly train: Captioned;
  /** Everything is measured on them, and nothing learns from them. */
  readonly test: Captioned;
  /** Folder of one's own images; absent for those of CIFAR-10. */
  readonly directory?: string;
  /** Receives images that turn out to be damaged. */
  readonly onSkip?: (image: SkippedImage) => void;
}

/**
 * Opens images and their captions: of CIFAR-10 made of what is true of them, of a folder out of the
 * text files beside the images.
 */
export async function openData(settings: Settings, directory?: string): Promise<Data> {
  const { train, validation } = amountsOf(settings);
  const { seed } = settings;
  if (directory !== undefined) {
    const images = await openExampleImages({ data: directory, heldOut: validation, seed, captions: true });
    const { sizes, shown, onSkip } = images;
    return {
      train: withCaptions(someOf(images.train, train), settings),
      test: withCaptions(someOf(images.validation, validation), settings),
      ...{ sizes, shown, onSkip, directory },
    };
  }
  if (settings.smoke) {
    const { imageSize, classes: classNames } = SMOKE;
    const source = madeUpImages({ count: train + validation, imageSize, classNames });
    const from = (begin: number, count: number): ImageDataset =>
      subset(
        source,
        Array.from({ length: count }, (_, index) => begin + index),
      );
    return {
      train: await measured(from(0, train), settings),
      test: await measured(from(train, validation), settings),
      sizes: { imageSize, patchSize: QUICKSTART.patchSize },
      shown: { crop: 'center', flip: true },
    };
  }
  const images = await openExampleImages({ heldOut: validation, seed });
  return {
    train: await measured(someOf(images.train, train), settings),
    test: await measured(images.validation, settings),
    ...{ sizes: images.sizes, shown: images.shown },
  };
}

/** Measures every image; its caption is a function of class, pixels, seed and position. */
async function measured(source: ImageDataset, settings: Settings): Promise<Captioned> {
  const [height, width] = source.imageSize!;
  const values = height * width * 3;
  const attributes: Attributes[] = [];
  const batches = createBatches(source, {
    batchSize: 500,
    imageSize: [height, width],
    lastBatch: 'partial',
    epochs: 1,
  });
  for await (const { images, count } of batches) {
    for (let image = 0; image < count; image++) {
      attributes.push(measureAttributes(images.subarray(image * values, (image + 1) * values), [height, width]));
    }
  }
  const key = keyOf(settings, 'captions');
  const captions = attributes.map((found, image) =>
    captionOf(source.classNames[source.labels[image]!]!, found, foldIn(key, image)),
  );
  return { source, attributes, captions };
}

/** Gives each image the caption of its file; of several, seed and position decide which. */
function withCaptions(source: ImageDataset, settings: Settings): Captioned {
  const key = keyOf(settings, 'captions');
  const captions = source.captions!.map((caption, image) => asCaption(oneOf(caption, foldIn(key, image))));
  return { source, captions };
}

function oneOf(caption: Caption, key: RandomKey): string {
  if (typeof caption === 'string') return caption;
  return caption[Math.floor(randomUniform(key, 1)[0]! * caption.length)]!;
}
