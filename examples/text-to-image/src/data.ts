import { foldIn } from '@vitvq/core';
import { createBatches, type ImageDataset } from '@vitvq/data';
import { imageRange, madeUpImages, openCifar10Split } from '@vitvq/example-shared';
import { measureAttributes, type Attributes } from './attributes.js';
import { captionOf } from './captions.js';
import { amountsOf, keyOf, SMOKE, type Settings } from './config.js';

/** Images with what is true of each and a caption that says some of it. */
export interface Captioned {
  readonly source: ImageDataset;
  readonly attributes: readonly Attributes[];
  readonly captions: readonly string[];
}

export interface Data {
  readonly train: Captioned;
  /** Everything is measured on them, and nothing learns from them. */
  readonly test: Captioned;
}

export async function openData(settings: Settings): Promise<Data> {
  const { train, validation } = amountsOf(settings);
  if (settings.smoke) {
    const source = madeUpImages({ count: train + validation, imageSize: SMOKE.imageSize, classNames: SMOKE.classes });
    return {
      train: await captioned(imageRange(source, 0, train), settings),
      test: await captioned(imageRange(source, train, train + validation), settings),
    };
  }
  const all = await openCifar10Split('train');
  const test = await openCifar10Split('test');
  return {
    train: await captioned(imageRange(all, 0, train), settings),
    test: await captioned(imageRange(test, 0, validation), settings),
  };
}

/** Measures every image; its caption is a function of class, pixels, seed and position. */
async function captioned(source: ImageDataset, settings: Settings): Promise<Captioned> {
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
