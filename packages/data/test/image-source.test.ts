import { DataError, randomKey, UnusableImageError, type ImageSource, type SourceImage } from '@vitvq/core';
import { testImageSource } from '@vitvq/test-utils';
import { describe, expect, it } from 'vitest';
import {
  createBatches,
  openCifar10,
  openImageArray,
  openImageFolder,
  openPairedFolders,
  readImages,
  sourceFingerprint,
  splitSource,
  subset,
  type ImageArray,
  type PairedFolders,
  type SkippedImage,
} from '../src/index.js';
import { npmSource } from '../src/internal/cifar10-sources.js';
import { folderOf, gradient, temporaryFolder, twoClasses } from './images.js';
import { fakePack, load, npmArchive } from './small-cifar10.js';

const pngs = await Promise.all([0, 1, 2, 3].map((seed) => gradient(20, 16, seed).png().toBuffer()));

/** The least that a source needs. */
class Pngs implements ImageSource {
  readonly length = pngs.length;

  async read(index: number): Promise<SourceImage> {
    return { bytes: pngs[index]! };
  }
}

/** Pixels of many sizes, as a database might have them, with everything that a source can say. */
class Rows implements ImageSource {
  readonly length = 5;
  readonly name = 'rows';
  readonly labels = [1, 0, 1, 0, 1];
  readonly classNames = ['odd', 'even'];
  readonly identity = 'rows of version 3';
  readonly channels = 1;

  nameOf(index: number): string {
    return `row ${index + 1}`;
  }

  read(index: number): SourceImage {
    const [height, width] = [9 + index, 12 - index];
    const pixels = Uint8Array.from({ length: height * width }, (_, pixel) => (pixel * 7 + index * 40) % 256);
    return { pixels, height, width };
  }
}

function openArray(): ImageArray {
  const images = Uint8Array.from({ length: 5 * 10 * 12 * 3 }, (_, byte) => (byte * 7) % 256);
  return openImageArray({ images, height: 10, width: 12, labels: [0, 1, 2, 1, 0] });
}

async function openPairs(): Promise<PairedFolders> {
  const files = await twoClasses(4);
  return openPairedFolders(await folderOf(files), await folderOf(files), { conditions: { resampling: 'nearest' } });
}

/** CIFAR-10 in small, from a cache that a made-up archive has filled. */
async function openSmallCifar10(): Promise<ImageArray> {
  const cacheDirectory = await temporaryFolder();
  const { format, bytes } = await npmArchive();
  await load(cacheDirectory, [npmSource(format, fakePack(bytes))]);
  return openCifar10({ split: 'train', cacheDirectory });
}

const contracts: [string, () => ImageSource | Promise<ImageSource>][] = [
  ['openImageFolder', async () => openImageFolder(await folderOf(await twoClasses(5)))],
  ['openImageArray', openArray],
  ['openCifar10', openSmallCifar10],
  ['subset of an array', () => subset(openArray(), [4, 0, 2])],
  ['subset of a source with nothing but length and read', () => subset(new Pngs(), [3, 1])],
  ['splitSource', () => splitSource(new Rows(), { holdOut: 2, key: randomKey(3) }).train],
  ['images of openPairedFolders', async () => (await openPairs()).images],
  ['conditions of openPairedFolders', async () => (await openPairs()).conditions],
  ['a source with nothing but length and read', () => new Pngs()],
  ['a source of pixels of many sizes', () => new Rows()],
];
for (const [name, create] of contracts) testImageSource({ name, create, createBatches });

describe('a source of one’s own', () => {
  const options = { batchSize: 2, imageSize: 8, workers: 0 };

  it('is shown as the same images in a folder are', async () => {
    const folder = await openImageFolder(await folderOf(Object.fromEntries(pngs.map((png, i) => [`${i}.png`, png]))));
    const [ours, theirs] = [await readImages(new Pngs(), { imageSize: 8 }), await readImages(folder, { imageSize: 8 })];
    expect(ours.data).toEqual(theirs.data);
  });

  it('may mix files, bytes and pixels, and pairs of them, with threads and without', async () => {
    const folder = await folderOf({ 'a.png': pngs[0]! });
    const pixels = new Uint8Array(await gradient(20, 16, 2).raw().toBuffer());
    // A view into a larger buffer: a thread gets the view alone.
    const bytes = Buffer.concat([pngs[3]!, pngs[1]!]).subarray(pngs[3]!.length);
    const stored: SourceImage[] = [{ file: `${folder}/a.png` }, { bytes }, { pixels, height: 16, width: 20 }];
    const source: ImageSource = { length: 3, read: (index) => stored[index]! };
    const conditionSource: ImageSource = { length: 3, read: (index) => stored[2 - index]! };
    const random = { ...options, batchSize: 3, crop: 'random', resizeTo: 12, flip: true, key: randomKey(1) } as const;
    const [here, threads] = await Promise.all(
      [0, 2].map(async (workers) => {
        const stream = createBatches(source, { ...random, workers, conditionSource });
        const batch = await stream.next();
        await stream.close();
        return batch;
      }),
    );
    expect(threads).toEqual(here);
    const { data } = here!.conditionImages!;
    expect(data.subarray(192, 384)).toEqual(here!.images.subarray(192, 384));
  });

  it('says that an image cannot be used, which a batch replaces or leaves out', async () => {
    const source: ImageSource = {
      ...new Pngs(),
      read: async (index) => {
        if (index === 1) throw new UnusableImageError('the row is empty');
        return { bytes: pngs[index]! };
      },
    };
    const skipped: SkippedImage[] = [];
    const onSkip = (image: SkippedImage): unknown => skipped.push(image);
    const replaced = await createBatches(source, { ...options, onSkip }).next();
    expect(replaced.count).toBe(2);
    expect([...replaced.indices]).not.toContain(1);
    expect(skipped).toEqual([{ name: 'image 1', reason: 'the row is empty' }]);
    const partial = await createBatches(source, { ...options, onSkip, lastBatch: 'partial' }).next();
    expect([...partial.indices]).toEqual([0]);
    const strict = createBatches({ ...source, name: 'table', decoding: { strict: true } }, options);
    await expect(strict.next()).rejects.toThrow(
      'image 1 of table: expected a usable image, got one that is not: the row is empty. Repair',
    );
  });

  it('passes its other errors on', async () => {
    const source: ImageSource = { length: 4, read: () => Promise.reject(new Error('connection lost')) };
    await expect(createBatches(source, options).next()).rejects.toThrow(/^connection lost$/);
  });

  it('is refused when it breaks the contract', async () => {
    const attempt = (source: Partial<ImageSource>) => () =>
      createBatches(
        { length: 4, read: () => ({ pixels: new Uint8Array(3), height: 1, width: 2 }), ...source },
        options,
      );
    expect(attempt({ length: 0 })).toThrow('expected length of images to be an integer of at least 1, got 0.');
    expect(attempt({ labels: [1, 2] })).toThrow('createBatches: expected 4 labels, one for each image, got 2.');
    expect(attempt({ labels: [0, 1, 2, 0], classNames: ['a', 'b'] })).toThrow('integers in [0, 2), got 2 for image 2.');
    expect(attempt({ decoding: { background: 'white' } })).toThrow('expected background as #rrggbb, got white.');
    const wrongSize = attempt({})().next();
    await expect(wrongSize).rejects.toBeInstanceOf(DataError);
    await expect(wrongSize).rejects.toThrow(
      'image 0 of images: expected a Uint8Array of 1x2x3 pixels, 6 bytes, got 3 bytes. Check height',
    );
    const encoded = createBatches({ length: 2, channels: 1, read: () => ({ bytes: pngs[0]! }) }, options).next();
    await expect(encoded).rejects.toThrow('expected pixels, because the source has 1 channels, got an encoded image');
  });

  it('rejects an awaited batch when the stream is closed', async () => {
    let release: ((image: SourceImage) => void) | undefined;
    const read = (): Promise<SourceImage> => new Promise((resolve) => (release = resolve));
    const stream = createBatches({ length: 1, read }, { ...options, batchSize: 1, epochs: 1 });
    const failure = stream.next().catch((error: unknown) => error);
    await new Promise((resolve) => setImmediate(resolve));
    await stream.close();
    release!({ bytes: pngs[0]! });
    expect(String(await failure)).toContain('expected an open stream, got one that was closed');
  });

  it('is told from another one by identity, or else by name', () => {
    const source = { length: 2, read: (): SourceImage => ({ bytes: pngs[0]! }) };
    const all = [source, { ...source, name: 'a' }, { ...source, name: 'b' }, { ...source, identity: 'c' }];
    expect(new Set(all.map(sourceFingerprint)).size).toBe(4);
    expect(sourceFingerprint({ ...source, name: 'a', identity: 'c' })).toBe(sourceFingerprint(all[3]!));
  });

  it('is paired by the names of its images', async () => {
    const named = (names: string[]): ImageSource => ({
      ...new Rows(),
      length: 2,
      labels: undefined,
      read: (index) => new Rows().read(index),
      nameOf: (index) => names[index]!,
    });
    const pair = (names: string[]) => () =>
      createBatches(named(['x/1.png', 'x/2.png']), { ...options, conditionSource: named(names) });
    expect(pair(['x/1.png', 'x/3.png'])).toThrow('expected a condition image named like x/2.png');
    expect((await pair(['x/1.raw', 'x/2.raw'])().next()).conditionImages!.shape).toEqual([2, 8, 8, 1]);
  });

  it('is enlarged, or refused when it is strict, where it is smaller than the crop', async () => {
    const pixels = new Uint8Array(4 * 4 * 3).fill(255);
    const source: ImageSource = { length: 2, read: () => ({ pixels, height: 4, width: 4 }) };
    const { images } = await createBatches(source, options).next();
    expect(images.every((value) => value === 1)).toBe(true);
    await expect(createBatches({ ...source, decoding: { strict: true } }, options).next()).rejects.toThrow(
      'it is 4x4, smaller than the crop 8x8 (height x width)',
    );
  });
});
