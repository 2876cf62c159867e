import { randomKey } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import {
  createBatches,
  openImageArray,
  openImageFolder,
  readImages,
  sourceFingerprint,
  subset,
  type BatchOptions,
  type ImageDataset,
} from '../src/index.js';
import { folderOf, gradient, plain } from './images.js';

const images = Uint8Array.from({ length: 70 * 4 * 4 * 3 }, (_, index) => (index * 7) % 256);
const labels = Array.from({ length: 70 }, (_, index) => index % 2);
const source = openImageArray({ images, height: 4, width: 4, labels, classNames: ['even', 'odd'] });

describe('readImages', () => {
  it('reads a source of more than one batch, in its order', async () => {
    const loaded = await readImages(source, { imageSize: 4 });
    expect(loaded.shape).toEqual([70, 4, 4, 3]);
    expect(loaded.data).toEqual(Float32Array.from(images, (byte) => Math.fround(byte / 255)));
    expect([...loaded.labels]).toEqual(labels);
    expect(loaded.names.slice(0, 3)).toEqual(['even', 'odd', 'even']);
  });

  it('leaves out what cannot be used, and says so', async () => {
    const folder = await folderOf({
      'a.png': await gradient(8, 8).png().toBuffer(),
      'b.png': 'not a picture',
      'c.png': await plain(8, 8, '#fff').png().toBuffer(),
    });
    const skipped: string[] = [];
    const loaded = await readImages(await openImageFolder(folder, { check: 'none' }), {
      imageSize: 8,
      workers: 0,
      onSkip: ({ name }) => skipped.push(name),
    });
    expect(loaded.shape).toEqual([2, 8, 8, 3]);
    expect(loaded.names).toEqual(['.', '.']);
    expect(skipped).toEqual(['b.png']);
  });
});

describe('sourceFingerprint', () => {
  const fingerprint = sourceFingerprint(source);

  it('is the same for the same images', () => {
    expect(
      sourceFingerprint(openImageArray({ images, height: 4, width: 4, labels, classNames: ['even', 'odd'] })),
    ).toBe(fingerprint);
  });

  it('of a stream is that of its batches: their images, size, order, crops and flips', async () => {
    const options = { batchSize: 2, imageSize: 4, shuffle: true, key: randomKey(0) };
    const of = async (changes: Partial<BatchOptions>, from: ImageDataset = source): Promise<string> => {
      const stream = createBatches(from, { ...options, ...changes });
      await stream.close();
      return stream.fingerprint;
    };
    const usual = await of({});
    expect(await of({ startAt: 7, prefetch: 9, workers: 0, epochs: 3 })).toBe(usual);
    const others = [
      of({}, subset(source, [0, 1, 2])),
      of({ batchSize: 3 }),
      of({ imageSize: 2 }),
      of({ resizeTo: 8 }),
      of({ crop: 'random' }),
      of({ flip: true }),
      of({ shuffle: false }),
      of({ key: randomKey(1) }),
      of({ lastBatch: 'pad' }),
    ];
    expect(new Set([usual, ...(await Promise.all(others))]).size).toBe(others.length + 1);
  });

  it('differs for other pixels, labels, orders, counts and resampling', () => {
    const other = images.slice();
    other[5] = 200;
    const variants = [
      openImageArray({ images: other, height: 4, width: 4, labels, classNames: ['even', 'odd'] }),
      openImageArray({ images, height: 4, width: 4, classNames: ['even', 'odd'] }),
      openImageArray({ images, height: 2, width: 8, labels, classNames: ['even', 'odd'] }),
      subset(source, [1, 0, ...Array.from({ length: 68 }, (_, index) => index + 2)]),
      subset(source, [0, 1, 2]),
      openImageArray({ images, height: 4, width: 4, labels, classNames: ['even', 'odd'], resampling: 'nearest' }),
    ].map(sourceFingerprint);
    expect(new Set([fingerprint, ...variants]).size).toBe(variants.length + 1);
  });

  it('of a folder depends on the paths below it, not on where it lies', async () => {
    const picture = await plain(8, 8, '#abc').png().toBuffer();
    const open = async (...names: string[]): Promise<string> =>
      sourceFingerprint(
        await openImageFolder(await folderOf(Object.fromEntries(names.map((name) => [name, picture])))),
      );
    expect(await open('a.png', 'b.png')).toBe(await open('a.png', 'b.png'));
    expect(await open('a.png', 'b.png')).not.toBe(await open('a.png', 'c.png'));
  });
});
