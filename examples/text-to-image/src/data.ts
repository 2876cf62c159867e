import { downloadLines } from '@vitvq/example-shared';
import { foldIn, randomKey, randomUniform } from '@vitvq/core';
import { createBatches, openCifar10, openImageArray, subset, type ImageDataset } from '@vitvq/data';
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
    const source = madeUpImages(train + validation);
    return {
      train: await captioned(range(source, 0, train), settings),
      test: await captioned(range(source, train, train + validation), settings),
    };
  }
  const onProgress = downloadLines('CIFAR-10', console.log);
  const [all, test] = [
    await openCifar10({ split: 'train', onProgress }),
    await openCifar10({ split: 'test', onProgress }),
  ];
  return {
    train: await captioned(range(all, 0, train), settings),
    test: await captioned(range(test, 0, validation), settings),
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

function range(source: ImageDataset, begin: number, end: number): ImageDataset {
  return subset(
    source,
    Array.from({ length: end - begin }, (_, index) => begin + index),
  );
}

/** Two colours, one above the other: images that captions can say something of. */
function madeUpImages(count: number): ImageDataset {
  const { imageSize, classes } = SMOKE;
  const values = imageSize ** 2 * 3;
  const images = new Uint8Array(count * values);
  for (let index = 0; index < count; index++) {
    const draws = randomUniform(foldIn(randomKey(0), index), 6);
    for (let value = 0; value < values; value++) {
      images[index * values + value] = 255 * draws[(value % 3) + (value < values / 2 ? 0 : 3)]!;
    }
  }
  const labels = Int32Array.from({ length: count }, (_, index) => index % classes.length);
  return openImageArray({
    images,
    height: imageSize,
    width: imageSize,
    labels,
    classNames: classes,
    name: 'made-up images',
  });
}
