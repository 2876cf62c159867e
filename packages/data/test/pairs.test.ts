import { join } from 'node:path';
import { DataError, randomKey } from '@vitvq/core';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  createBatches,
  openImageArray,
  openImageFolder,
  openPairedFolders,
  splitSource,
  subset,
  type BatchOptions,
  type SourceBatch,
  type ImageDataset,
  type SkippedImage,
} from '../src/index.js';
import { folderOf, plain } from './images.js';

const key = randomKey(11);
const random = { batchSize: 3, crop: 'random', flip: true, shuffle: true, key } as const;

/** Colour of an image at a position: another for each image, and different everywhere. */
const colourAt = (image: number, y: number, x: number): [number, number, number] => [x * 9, y * 9, image * 20];

/**
 * What a map has at the place of a colour: a function of it, so that a test needs nothing else to
 * compare them.
 */
const classOf = ([red, green, blue]: readonly number[]): [number, number, number] => [
  255 - red!,
  (green! + blue!) % 256,
  255 - green!,
];

/** `[height, width, 3]`, each pixel drawn as a square of `enlarged` pixels. */
function bytesOf(
  image: number,
  [height, width]: readonly [number, number],
  of: 'image' | 'map',
  enlarged = 1,
): Uint8Array {
  return Uint8Array.from({ length: height * width * enlarged ** 2 * 3 }, (_, byte) => {
    const [pixel, channel] = [Math.floor(byte / 3), byte % 3];
    const y = Math.floor(Math.floor(pixel / (width * enlarged)) / enlarged);
    const x = Math.floor((pixel % (width * enlarged)) / enlarged);
    const colour = colourAt(image, y, x);
    return (of === 'image' ? colour : classOf(colour))[channel]!;
  });
}

const size = [12, 15] as const;

function pngOf(image: number, of: 'image' | 'map', enlarged = 1): Promise<Buffer> {
  const [height, width] = [size[0] * enlarged, size[1] * enlarged];
  return sharp(bytesOf(image, size, of, enlarged), { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Images and their maps in memory, the maps as large as the images or `enlarged`. */
function arrays(count: number, enlarged = 1): [ImageDataset, ImageDataset] {
  const open = (of: 'image' | 'map', factor: number): ImageDataset => {
    const all = Array.from({ length: count }, (_, image) => [...bytesOf(image, size, of, factor)]);
    const images = Uint8Array.from(all.flat());
    return openImageArray({ images, height: size[0] * factor, width: size[1] * factor, resampling: 'nearest' });
  };
  return [open('image', 1), open('map', enlarged)];
}

/** Two folders of PNG files of the same names, the images twice as large as their maps. */
async function folders(count: number): Promise<[images: Record<string, Buffer>, maps: Record<string, Buffer>]> {
  const [images, maps]: Record<string, Buffer>[] = [{}, {}];
  for (let image = 0; image < count; image++) {
    const name = `town/${String(image).padStart(3, '0')}.png`;
    images![name] = await pngOf(image, 'image', 2);
    maps![name] = await pngOf(image, 'map');
  }
  return [images!, maps!];
}

const nearest = { resampling: 'nearest' } as const;

async function take(source: ImageDataset, options: BatchOptions, count: number): Promise<SourceBatch[]> {
  const stream = createBatches(source, options);
  try {
    const batches: SourceBatch[] = [];
    for (let index = 0; index < count; index++) batches.push(await stream.next());
    return batches;
  } finally {
    await stream.close();
  }
}

/**
 * Every pixel of the condition images is the class of the image's pixel; the last channel of an
 * image tells which it is.
 */
function expectPaired({ images, conditionImages, shape, count, indices }: SourceBatch): void {
  expect(conditionImages!.shape).toEqual(shape);
  expect(conditionImages!.data).toHaveLength(images.length);
  const bytes = (data: Float32Array): number[] => [...data].map((value) => Math.round(value * 255));
  const length = images.length / shape[0];
  const [colours, classes] = [bytes(images), bytes(conditionImages!.data)];
  for (let at = 0; at < count * length; at += 3) {
    const colour = colours.slice(at, at + 3);
    if (colour[2] !== indices[Math.floor(at / length)]! * 20) throw new Error(`another image at ${at}`);
    if (classes.slice(at, at + 3).join() !== classOf(colour).join()) throw new Error(`not a pair at ${at}`);
  }
  expect(classes.slice(count * length).every((value) => value === 0)).toBe(true);
}

describe('createBatches: pairs in memory', () => {
  it.each([
    ['as they are', 1, { imageSize: [...size] }],
    ['cropped', 1, { imageSize: [6, 7], resizeTo: [...size] }],
    ['scaled and cropped', 1, { imageSize: 8, resizeTo: 17 }],
    ['with maps of three times the size', 3, { imageSize: 8, resizeTo: [...size] }],
  ] as const)('stay together, %s', async (_, enlarged, sizes) => {
    const [source, conditionSource] = arrays(7, enlarged);
    const batches = await take(source, { ...random, ...sizes, conditionSource }, 8);
    batches.forEach(expectPaired);
    const alone = await take(source, { ...random, ...sizes }, 8);
    expect(batches.map(({ images }) => images)).toEqual(alone.map(({ images }) => images));
    expect(alone[0]).not.toHaveProperty('conditionImages');
  });

  it('go on where another stream stopped, and are padded and cut short alike', async () => {
    const [source, conditionSource] = arrays(7);
    const options = { ...random, imageSize: 8, resizeTo: [...size] as const, conditionSource };
    const whole = await take(source, options, 8);
    expect(await take(source, { ...options, startAt: 5 }, 3)).toEqual(whole.slice(5));
    for (const lastBatch of ['pad', 'partial'] as const) {
      const last = (await take(source, { ...options, lastBatch }, 3))[2]!;
      expect([last.count, last.conditionImages!.shape[0]]).toEqual([1, lastBatch === 'pad' ? 3 : 1]);
      expectPaired(last);
    }
  });

  it('may have other channels', async () => {
    const [source] = arrays(2);
    const images = Uint8Array.from({ length: 2 * size[0] * size[1] }, (_, pixel) => Number(pixel >= 180) * 255);
    const conditionSource = openImageArray({ images, height: size[0], width: size[1], channels: 1 });
    const [batch] = await take(source, { batchSize: 2, imageSize: 8, conditionSource }, 1);
    const { data, shape } = batch!.conditionImages!;
    expect(shape).toEqual([2, 8, 8, 1]);
    expect([...data]).toEqual([...new Array<number>(64).fill(0), ...new Array<number>(64).fill(1)]);
  });

  it('stay together in parts of the same key', async () => {
    const [source, conditionSource] = arrays(8);
    const [images, conditions] = [source, conditionSource].map((one) => splitSource(one, { holdOut: 3, key }));
    const { indices, ...batch } = (
      await take(images!.heldOut, { batchSize: 3, imageSize: [...size], conditionSource: conditions!.heldOut }, 1)
    )[0]!;
    const own = [...indices].map((row) => Math.round(batch.images[row * 540 + 2]! * 255) / 20);
    expectPaired({ ...batch, indices: Int32Array.from(own) });
  });

  it('count in the fingerprint', async () => {
    const [source, conditionSource] = arrays(4);
    const fingerprintOf = (other?: ImageDataset): string =>
      createBatches(source, { batchSize: 2, imageSize: 8, ...(other && { conditionSource: other }) }).fingerprint;
    const others = [undefined, conditionSource, subset(conditionSource, [0, 1, 3, 2])].map(fingerprintOf);
    expect(new Set(others).size).toBe(3);
  });
});

describe('createBatches: pairs of files', () => {
  it('stay together whatever the number of workers, and go on where they stopped', async () => {
    const [images, maps] = await folders(7);
    const { images: source, conditions: conditionSource } = await openPairedFolders(
      await folderOf(images),
      await folderOf(maps),
      nearest,
    );
    const options = { ...random, imageSize: 8, resizeTo: [...size] as const, conditionSource };
    const [here, threads] = await Promise.all([0, 2].map((workers) => take(source, { ...options, workers }, 6)));
    here!.forEach(expectPaired);
    expect(threads).toEqual(here);
    expect(await take(source, { ...options, workers: 1, startAt: 4 }, 2)).toEqual(here!.slice(4));
  });

  it.each([0, 2])('are replaced, left out or refused when one of them is damaged (%i workers)', async (workers) => {
    const [images, maps] = await folders(6);
    const imageFolder = await folderOf(images);
    maps['town/002.png'] = maps['town/002.png']!.subarray(0, 200);
    const damaged = await folderOf(maps);
    const open = async (strict: boolean): Promise<BatchOptions & { source: ImageDataset }> => {
      const pair = await openPairedFolders(imageFolder, damaged, { ...nearest, conditions: { ...nearest, strict } });
      const { images: source, conditions: conditionSource } = pair;
      return { source, conditionSource, batchSize: 3, imageSize: [...size], workers, onSkip: () => undefined };
    };

    const { source, ...options } = await open(false);
    const seen: SkippedImage[] = [];
    const replaced = await take(source, { ...options, onSkip: (image) => seen.push(image) }, 4);
    replaced.forEach(expectPaired);
    for (const { indices, count } of replaced) {
      expect(count).toBe(3);
      expect([...indices]).not.toContain(2);
    }
    const reason = `its condition image ${join(damaged, 'town/002.png')} cannot be used: it is damaged or cut short`;
    expect(seen).toEqual([{ name: 'town/002.png', reason }]);

    const [padded] = await take(source, { ...options, lastBatch: 'pad' }, 1);
    expect([...padded!.indices]).toEqual([0, 1, -1]);
    expectPaired(padded!);

    const { source: strictSource, ...strict } = await open(true);
    await expect(take(strictSource, strict, 1)).rejects.toThrow(
      `${join(imageFolder, 'town/002.png')}: expected a usable image, got one that is not: ${reason}.`,
    );
  });

  it('are left out where their proportions differ', async () => {
    const file = (image: Sharp): Promise<Buffer> => image.png().toBuffer();
    const [white, wide, close] = [plain(40, 30, '#fff'), plain(40, 20, '#fff'), plain(13, 10, '#fff')];
    const images = await folderOf({ 'a.png': await file(white), 'b.png': await file(white) });
    const maps = await folderOf({ 'a.png': await file(wide), 'b.png': await file(close) });
    const { images: source, conditions: conditionSource } = await openPairedFolders(images, maps);
    const skipped: SkippedImage[] = [];
    const onSkip = (image: SkippedImage): unknown => skipped.push(image);
    const options = { batchSize: 2, imageSize: 8, lastBatch: 'partial', conditionSource, workers: 0, onSkip } as const;
    const [batch] = await take(source, options, 1);
    expect([...batch!.indices]).toEqual([1]);
    expect(skipped[0]!.name).toBe('a.png');
    expect(skipped[0]!.reason).toMatch(/cannot be used: it is 20x40, of other proportions than 30x40$/);
  });
});

describe('createBatches: sources that are no pairs', () => {
  const options = { batchSize: 2, imageSize: 8 };
  const [source, conditionSource] = arrays(4);
  const other = openImageArray({ images: new Uint8Array(4 * 12 * 12 * 3), height: 12, width: 12 });

  it.each([
    [
      subset(conditionSource, [0, 1, 2]),
      'createBatches: expected a condition image for each of 4 images in image array, got 3 in image array. Open folders',
    ],
    [other, 'createBatches: expected condition images of the proportions of [12, 15], got [12, 12].'],
  ])('are refused', (wrong, message) => {
    const attempt = (): unknown => createBatches(source, { ...options, conditionSource: wrong });
    expect(attempt).toThrow(DataError);
    expect(attempt).toThrow(message);
  });

  it('are refused when images have other names', async () => {
    const picture = await plain(8, 8, '#abc').png().toBuffer();
    const open = async (...names: string[]): Promise<ImageDataset> =>
      openImageFolder(await folderOf(Object.fromEntries(names.map((name) => [name, picture]))));
    const images = await open('a.png', 'b.png', 'c.png', 'd.png');
    const attempt = (wrong: ImageDataset) => (): unknown =>
      createBatches(images, { ...options, conditionSource: wrong });
    const names = await open('a.png', 'b.png', 'd.png', 'e.png');
    expect(attempt(names)).toThrow(DataError);
    expect(attempt(names)).toThrow(
      'createBatches: expected a condition image named like c.png, apart from the extension, got d.png.',
    );
  });
});

describe('openPairedFolders', () => {
  const picture = plain(8, 8, '#abc');

  it('pairs files by their paths, and leaves pairs out of which one is unusable', async () => {
    const [png, jpeg] = await Promise.all([picture.png().toBuffer(), picture.jpeg().toBuffer()]);
    const images = await folderOf({ 'x/a.jpg': jpeg, 'x/b.jpg': 'no image', 'y/c.jpg': jpeg, 'y/d.jpeg': jpeg });
    const maps = await folderOf({ 'x/a.png': png, 'x/b.png': png, 'y/c.png': '', 'y/d.png': png });
    const told: SkippedImage[] = [];
    const pair = await openPairedFolders(images, maps, {
      conditions: { resampling: 'nearest' },
      onSkip: (image) => told.push(image),
    });
    const names = (source: ImageDataset): string[] => [0, 1].map((index) => source.nameOf!(index));
    expect([names(pair.images), pair.images.decoding.resampling]).toEqual([['x/a.jpg', 'y/d.jpeg'], 'smooth']);
    expect([names(pair.conditions), pair.conditions.decoding.resampling]).toEqual([['x/a.png', 'y/d.png'], 'nearest']);
    expect(pair.images.classNames).toEqual(['x', 'y']);
    expect(pair.skipped).toEqual([
      { name: 'x/b.jpg', reason: 'it is not a PNG, JPEG, WebP, GIF, TIFF, AVIF or BMP image, whatever its name says' },
      { name: 'y/c.jpg', reason: 'its condition image y/c.png cannot be used: it is empty' },
    ]);
    expect(told).toEqual(pair.skipped);
  });

  it('refuses images without a partner, two of one name, and folders without a usable pair', async () => {
    const png = await picture.png().toBuffer();
    const [one, two] = [await folderOf({ 'a.png': png }), await folderOf({ 'a.png': png, 'b.png': png })];
    const expectRefused = async (images: string, maps: string, message: string): Promise<void> => {
      const attempt = openPairedFolders(images, maps, { onSkip: () => undefined });
      await expect(attempt).rejects.toThrow(DataError);
      await expect(attempt).rejects.toThrow(message);
    };
    const alone = `${two}: expected each image to have one of the same name, apart from the extension, in ${one}, got 1 without: b.png.`;
    await expectRefused(two, one, alone);
    await expectRefused(one, two, alone);
    const twice = await folderOf({ 'a.png': png, 'a.webp': png });
    await expectRefused(
      one,
      twice,
      `${twice}: expected one image of each name, apart from the extension, got a.png and a.webp.`,
    );
    const left = await folderOf({ 'a.png': png, 'b.png': '' });
    const right = await folderOf({ 'a.png': '', 'b.png': png });
    await expectRefused(
      left,
      right,
      `${left}: expected at least one usable pair, got none, the first is b.png (it is empty).`,
    );
  });
});
