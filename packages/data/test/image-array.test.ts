import { DataError, randomKey, type PixelImage } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { openImageArray, openImageFolder, splitSource, subset, type ImageDataset } from '../src/index.js';
import { folderOf, twoClasses } from './images.js';

const bytes = Uint8Array.from({ length: 4 * 2 * 3 * 3 }, (_, index) => index);

describe('openImageArray', () => {
  it('describes images without copying them', () => {
    const source = openImageArray({
      images: bytes,
      height: 2,
      width: 3,
      labels: [0, 1, 1, 0],
      classNames: ['a', 'b'],
      name: 'mine',
    });
    expect(source).toMatchObject({ name: 'mine', length: 4, classNames: ['a', 'b'] });
    expect([...source.labels]).toEqual([0, 1, 1, 0]);
    const image = source.read(2);
    expect(image).toEqual({ pixels: bytes.subarray(36, 54), height: 2, width: 3 });
    expect((image as PixelImage).pixels.buffer).toBe(bytes.buffer);
    expect(source.imageSize).toEqual([2, 3]);
  });

  it('makes up class names, or has none', () => {
    expect(openImageArray({ images: bytes, height: 2, width: 3, labels: [0, 2, 1, 0] }).classNames).toEqual([
      '0',
      '1',
      '2',
    ]);
    const plain = openImageArray({ images: bytes, height: 2, width: 3 });
    expect(plain.classNames).toEqual([]);
    expect([...plain.labels]).toEqual([0, 0, 0, 0]);
  });

  it('takes other numbers of channels', () => {
    expect(openImageArray({ images: bytes, height: 2, width: 3, channels: 1 }).length).toBe(12);
  });

  it('refuses what does not fit', () => {
    const size = { height: 2, width: 3 };
    expect(() => openImageArray({ images: bytes.subarray(1), ...size })).toThrow(
      'openImageArray: expected a whole number of 2x3x3 images, 18 bytes each, got 71 bytes.',
    );
    expect(() => openImageArray({ images: new Uint8Array(0), ...size })).toThrow(DataError);
    expect(() => openImageArray({ images: bytes, ...size, labels: [1] })).toThrow(
      'expected 4 labels, one for each image, got 1.',
    );
    expect(() => openImageArray({ images: bytes, ...size, labels: [0, 1, 2, 0], classNames: ['a', 'b'] })).toThrow(
      'expected labels to be integers in [0, 2), got 2 for image 2.',
    );
    expect(() => openImageArray({ images: bytes, ...size, labels: [0, 0.5, 0, 0] })).toThrow('got 0.5 for image 1.');
    expect(() => openImageArray({ images: bytes, ...size, labels: [0, -1, 0, 0] })).toThrow('got -1 for image 1.');
    expect(() => openImageArray({ images: bytes, height: 0, width: 3 })).toThrow(
      'expected height to be an integer of at least 1, got 0.',
    );
  });
});

describe('subset and splitSource', () => {
  const source = openImageArray({ images: bytes, height: 2, width: 3, labels: [0, 1, 2, 3] });

  it('picks images in the order given', () => {
    const picked = subset(subset(source, [3, 1, 2]), [1, 1, 0]);
    expect([...picked.labels]).toEqual([1, 1, 3]);
    const reads = [0, 1, 2].map((index) => (picked.read(index) as PixelImage).pixels[0]);
    expect(reads).toEqual([18, 18, 54]);
    expect(picked.classNames).toEqual(source.classNames);
  });

  it('refuses positions outside the source, and none', () => {
    expect(() => subset(source, [0, 4])).toThrow('subset: expected positions in [0, 4), got 4.');
    expect(() => subset(source, [])).toThrow('got none.');
  });

  it('splits a folder into parts that share nothing, the same each time', async () => {
    const folder = await openImageFolder(await folderOf(await twoClasses(10)));
    const files = (part: ImageDataset): string[] => Array.from(part.labels, (_, index) => part.nameOf!(index));
    const { train, heldOut } = splitSource(folder, { holdOut: 0.3, key: randomKey(1) });
    expect([train.length, heldOut.length]).toEqual([7, 3]);
    expect([...files(train), ...files(heldOut)].sort()).toEqual(folder.files);
    expect([...files(heldOut)].sort()).toEqual(files(heldOut));
    expect(files(splitSource(folder, { holdOut: 3, key: randomKey(1) }).heldOut)).toEqual(files(heldOut));
    expect(files(splitSource(folder, { holdOut: 3, key: randomKey(2) }).heldOut)).not.toEqual(files(heldOut));
    expect(splitSource(folder, { holdOut: 0.001, key: randomKey(1) }).heldOut.length).toBe(1);
  });

  it.each([0, -1, 4, 5, 1.5, 0.99, Number.NaN])('refuses to hold out %d of 4 images', (holdOut) => {
    expect(() => splitSource(source, { holdOut, key: randomKey(1) })).toThrow(
      `with images left on both sides, got ${holdOut}.`,
    );
  });
});
