import { readFile } from 'node:fs/promises';
import { ConfigError, foldIn, randomKey, type RandomKey } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { augmentationSchema, createBatches, openImageArray, openImageFolder, type Augmentation } from '../src/index.js';
import { augmentPixels, randAugmentOperations, type FloatImage } from '../src/internal/augment-pixels.js';
import { cropRegion, type CropRegion } from '../src/internal/crop-region.js';
import { folderOf, gradient } from './images.js';
import { sampleFile } from './samples.js';
import { collect, numbered } from './take-batches.js';

const key = randomKey(5);
const probe: Augmentation = [
  { kind: 'random-resized-crop' },
  { kind: 'flip' },
  { kind: 'color' },
  { kind: 'rand-augment' },
];

async function folderOfFour(): ReturnType<typeof openImageFolder> {
  const files: Record<string, Uint8Array> = {};
  for (const index of [0, 1, 2, 3]) files[`${index}.png`] = await gradient(40, 30, index).png().toBuffer();
  return openImageFolder(await folderOf(files));
}

describe('augment of createBatches', () => {
  it('gives the same pictures with threads and without, for any batch size, and from any place on', async () => {
    const source = await folderOfFour();
    const options = { imageSize: 16, augment: probe, key, shuffle: true } as const;
    const here = await collect(source, { ...options, batchSize: 2, workers: 0 }, 4);
    expect(await collect(source, { ...options, batchSize: 2, workers: 2 }, 4)).toEqual(here);
    expect(await collect(source, { ...options, batchSize: 2, workers: 0, startAt: 3 }, 1)).toEqual(here.slice(3));
    const [whole] = await collect(source, { ...options, batchSize: 4, workers: 0 }, 1);
    expect([...whole!.images]).toEqual([...here[0]!.images, ...here[1]!.images]);
    // Another epoch, another key, other pictures.
    expect(here[2]!.images).not.toEqual(here[0]!.images);
    const [other] = await collect(source, { ...options, key: randomKey(6), batchSize: 2, workers: 0 }, 1);
    expect(other!.images).not.toEqual(here[0]!.images);
  });

  it('is for pixels what it is for files', async () => {
    const source = numbered(6, 20, 24);
    const options = { batchSize: 3, imageSize: 12, augment: probe, key } as const;
    const first = await collect(source, options, 2);
    expect(await collect(source, options, 2)).toEqual(first);
    expect(first[0]!.images.every((value) => value >= 0 && value <= 1)).toBe(true);
  });

  it('of a crop and a flip is what the options crop and flip give', async () => {
    const source = await folderOfFour();
    const options = { batchSize: 4, imageSize: 16, resizeTo: 24, key, workers: 0 } as const;
    const byOptions = await collect(source, { ...options, crop: 'random', flip: true }, 3);
    const bySteps = await collect(source, { ...options, augment: [{ kind: 'crop' }, { kind: 'flip' }] }, 3);
    expect(bySteps).toEqual(byOptions);
    const always = await collect(source, { ...options, augment: [{ kind: 'flip', probability: 1 }] }, 1);
    const never = await collect(source, { ...options, augment: [{ kind: 'flip', probability: 0 }] }, 1);
    expect(always[0]!.images.slice(0, 3)).toEqual(never[0]!.images.slice(15 * 3, 16 * 3));
  });

  it('crops and mirrors condition images alike, and leaves their pixels', async () => {
    const source = await folderOfFour();
    const augment: Augmentation = [
      { kind: 'random-resized-crop', scale: [0.2, 0.6] },
      { kind: 'flip' },
      { kind: 'color' },
    ];
    const options = { batchSize: 4, imageSize: 16, key, workers: 0, conditionSource: source } as const;
    const [batch] = await collect(source, { ...options, augment }, 1);
    const [plain] = await collect(source, { ...options, augment: augment.slice(0, 2) }, 1);
    expect(batch!.conditionImages!.data).toEqual(plain!.images);
    expect(plain!.conditionImages!.data).toEqual(plain!.images);
    expect(batch!.images).not.toEqual(plain!.images);
  });

  it('counts for the fingerprint of a stream, which stays as it was without one', () => {
    const source = numbered(4);
    const fingerprintOf = (more: object): string =>
      createBatches(source, { batchSize: 2, imageSize: 4, key, workers: 0, ...more }).fingerprint;
    expect(fingerprintOf({ augment: probe })).not.toBe(fingerprintOf({}));
    expect(fingerprintOf({ augment: probe.slice(1) })).not.toBe(fingerprintOf({ augment: probe }));
    expect(fingerprintOf({ augment: undefined })).toBe(fingerprintOf({}));
  });

  it('refuses what does not fit', () => {
    const source = numbered(4);
    const grey = openImageArray({ images: new Uint8Array(4 * 64), height: 8, width: 8, channels: 1 });
    const attempt =
      (more: object, images = source) =>
      (): unknown =>
        createBatches(images, { batchSize: 2, imageSize: 4, key, workers: 0, ...more });
    expect(attempt({ augment: [{ kind: 'flp' }] })).toThrow(/augment\.0\.kind is "flp"/);
    expect(attempt({ augment: [{ kind: 'flip' }, { kind: 'crop' }] })).toThrow(
      'expected one crop at most, then one flip',
    );
    expect(attempt({ augment: [{ kind: 'crop' }, { kind: 'random-resized-crop' }] })).toThrow(
      'expected one crop at most',
    );
    expect(attempt({ augment: [{ kind: 'color', hue: 0.7 }] })).toThrow('augment.0.hue is 0.7');
    expect(attempt({ augment: probe, flip: true })).toThrow('got crop or flip as well. Write');
    expect(attempt({ augment: probe, resizeTo: 6 })).toThrow('got resizeTo and a random resized crop');
    expect(attempt({ augment: probe, conditionSource: source })).toThrow('got rand-augment and a conditionSource');
    expect(attempt({ augment: probe }, grey)).toThrow('expected 3 channels in image array, because augment changes');
    expect(attempt({ augment: probe, key: undefined })).toThrow('expected a key');
    expect(attempt({ augment: [{ kind: 'flip' }] }, grey)).not.toThrow();
    expect(attempt({ augment: probe, flip: true })).toThrow(ConfigError);
  });

  it('has defaults', () => {
    expect(augmentationSchema.parse(probe)).toEqual([
      { kind: 'random-resized-crop', scale: [0.08, 1], ratio: [3 / 4, 4 / 3] },
      { kind: 'flip', probability: 0.5 },
      { kind: 'color', brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1, probability: 1 },
      { kind: 'rand-augment', operations: 2, magnitude: 9 },
    ]);
  });
});

describe('random resized crop', () => {
  const draw = (size: [number, number], more: object, drawKey: RandomKey): CropRegion =>
    cropRegion(size, {
      crop: {
        imageSize: [32, 32],
        resizeTo: [32, 32],
        augment: augmentationSchema.parse([{ kind: 'random-resized-crop', ...more }]),
      },
      draws: { y: undefined, x: undefined, flip: false, key: drawKey },
      strict: false,
    });

  it('has the areas and proportions asked for, and lies in the image', () => {
    const areas: number[] = [];
    for (let index = 0; index < 200; index++) {
      const region = draw([200, 300], { scale: [0.2, 0.5] }, foldIn(key, index));
      const [height, width] = [(32 * 200) / region.scaledHeight, (32 * 300) / region.scaledWidth];
      areas.push((height * width) / 60_000);
      expect(width / height).toBeGreaterThan(0.7);
      expect(width / height).toBeLessThan(1.4);
      expect(region.top).toBeGreaterThanOrEqual(0);
      expect(region.left).toBeGreaterThanOrEqual(0);
      expect(region.top + 32).toBeLessThanOrEqual(region.scaledHeight);
      expect(region.left + 32).toBeLessThanOrEqual(region.scaledWidth);
    }
    expect(Math.min(...areas)).toBeGreaterThan(0.18);
    expect(Math.min(...areas)).toBeLessThan(0.25);
    expect(Math.max(...areas)).toBeGreaterThan(0.45);
    expect(Math.max(...areas)).toBeLessThan(0.53);
  });

  it('is the middle of an image into which no crop fits', () => {
    const region = draw([10, 1000], { scale: [1, 1] }, key);
    expect(region.scaledHeight).toBe(32);
    // 13 of 1000 columns, from column 493 on.
    expect(region.scaledWidth).toBe(Math.round((1000 * 32) / 13));
    expect(region.left).toBe(Math.round((493 * region.scaledWidth) / 1000));
  });
});

describe('changes of pixels', () => {
  const operations: Record<string, (image: FloatImage, strength: number, sign: number) => void> = randAugmentOperations;

  it.each(['brightness', 'color', 'contrast', 'sharpness', 'posterize', 'solarize', 'autoContrast', 'equalize'])(
    '%s is that of Pillow',
    async (name) => {
      const samples = JSON.parse(await readFile(sampleFile('operations.json'), 'utf8')) as Record<string, string>;
      const [original, golden] = ['image', name].map((each) => Buffer.from(samples[each]!, 'base64'));
      const image = { data: Float32Array.from(original!, (byte) => byte / 255), height: 15, width: 20 };
      operations[name]!(image, 0.5, 1);
      // Pillow rounds to bytes in between.
      const differences = Array.from(golden!, (byte, index) => Math.abs(byte - image.data[index]! * 255));
      expect(Math.max(...differences)).toBeLessThan(1.6);
      expect(golden).not.toEqual(original);
    },
  );

  /** A white pixel in the middle of the top row of a black image. */
  const dot = (): FloatImage => {
    const data = new Float32Array(9 * 9 * 3);
    data.fill(1, 4 * 3, 5 * 3);
    return { data, height: 9, width: 9 };
  };
  const centerOf = ({ data }: FloatImage): [number, number] => {
    const sum = (weigh: (index: number) => number): number =>
      data.reduce((total, value, index) => total + value * weigh(Math.floor(index / 3)), 0);
    const total = sum(() => 1);
    return [sum((pixel) => pixel % 9) / total, sum((pixel) => Math.floor(pixel / 9)) / total];
  };

  it.each<[string, number, number, [number, number]]>([
    ['translateX', 0.5, 1, [4 + (150 / 331) * 4.5, 0]],
    ['translateX', 0.5, -1, [4 - (150 / 331) * 4.5, 0]],
    ['translateY', 0.4, 1, [4, (150 / 331) * 3.6]],
    ['shearX', 1, 1, [4 + 0.3 * 4, 0]],
    ['shearX', 1, -1, [4 - 0.3 * 4, 0]],
  ])('%s by %f, %i moves a dot', (name, strength, sign, expected) => {
    const image = dot();
    operations[name]!(image, strength, sign);
    const [x, y] = centerOf(image);
    expect(x).toBeCloseTo(expected[0], 3);
    expect(y).toBeCloseTo(expected[1], 3);
  });

  it('rotate turns a dot about the center by up to 30 degrees', () => {
    const image = dot();
    operations.rotate!(image, 1, 1);
    const [x, y] = centerOf(image);
    expect(Math.hypot(x - 4, y - 4)).toBeCloseTo(4, 0);
    expect(Math.abs(Math.atan2(x - 4, 4 - y))).toBeCloseTo(Math.PI / 6, 1);
  });

  it('hue turns colours and leaves greys', () => {
    // The only draw that counts is that of the hue: look for a key of each sign.
    for (let index = 0; index < 4; index++) {
      const data = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 0.5, 0.5, 0.5);
      const [step] = augmentationSchema.parse([{ kind: 'color', brightness: 0, contrast: 0, saturation: 0, hue: 0.5 }]);
      augmentPixels({ data, height: 2, width: 2 }, [step!], foldIn(key, index));
      // Pure colours stay pure, and turn by the same angle.
      for (const first of [0, 3, 6]) {
        const rgb = [...data.subarray(first, first + 3)];
        expect(Math.max(...rgb)).toBeCloseTo(1, 5);
        expect(Math.min(...rgb)).toBeCloseTo(0, 5);
      }
      expect(data[0]).toBeCloseTo(data[4]!, 5);
      expect(data[1]).toBeCloseTo(data[5]!, 5);
      expect(data[4]).toBeCloseTo(data[8]!, 5);
      expect([...data.subarray(9)]).toEqual([0.5, 0.5, 0.5]);
    }
  });

  it('of strength 0 and of probability 0 leave an image as it is', () => {
    const data = Float32Array.from({ length: 48 }, (_, index) => Math.fround((index * 5) / 255));
    const image = { data: data.slice(), height: 4, width: 4 };
    const steps = augmentationSchema.parse([
      { kind: 'color', probability: 0 },
      { kind: 'color', brightness: 0, contrast: 0, saturation: 0, hue: 0 },
    ]);
    augmentPixels(image, steps, key);
    for (const [index, value] of image.data.entries()) expect(value).toBeCloseTo(data[index]!, 5);
    for (const name of ['shearX', 'rotate', 'translateY', 'brightness', 'sharpness', 'posterize', 'solarize']) {
      operations[name]!(image, 0, 1);
    }
    for (const [index, value] of image.data.entries()) expect(value).toBeCloseTo(data[index]!, 5);
  });

  it('of RandAugment are drawn evenly', () => {
    const pictures = new Set<string>();
    const [step] = augmentationSchema.parse([{ kind: 'rand-augment', operations: 1, magnitude: 30 }]);
    for (let index = 0; index < 150; index++) {
      const data = Float32Array.from({ length: 20 * 15 * 3 }, (_, value) => ((value * value * 31) % 250) / 255);
      augmentPixels({ data, height: 15, width: 20 }, [step!], foldIn(key, index));
      pictures.add(data.join());
    }
    // Nine operations with a sign and five without.
    expect(pictures.size).toBe(23);
  });
});
