import { DataError } from '@vitvq/core';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { createBatches, openImageFolder, type SkippedImage } from '../src/index.js';
import { folderOf, gradient, plain } from './images.js';

const WIDTH = 5;
const HEIGHT = 3;
const pixels = Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, byte) => (byte * 37) % 256);
const picture = sharp(pixels, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } });

interface BitmapParts {
  readonly bits: number;
  /** Rows of the file, without padding. */
  readonly rows: readonly (readonly number[])[];
  readonly palette?: readonly number[];
  readonly masks?: readonly number[];
  readonly isTopDown?: boolean;
  readonly compression?: number;
}

/** Writes a BMP with the header of Windows 3. */
function bitmap({ bits, rows, palette = [], masks = [], isTopDown = false, compression }: BitmapParts): Buffer {
  const stride = Math.ceil(rows[0]!.length / 4) * 4;
  const offset = 54 + masks.length * 4 + palette.length;
  const file = Buffer.alloc(offset + stride * rows.length);
  file.write('BM');
  file.writeUInt32LE(file.length, 2);
  file.writeUInt32LE(offset, 10);
  file.writeUInt32LE(40, 14);
  file.writeInt32LE(WIDTH, 18);
  file.writeInt32LE(isTopDown ? -HEIGHT : HEIGHT, 22);
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(bits, 28);
  file.writeUInt32LE(compression ?? (masks.length ? 3 : 0), 30);
  file.writeUInt32LE(palette.length / 4, 46);
  masks.forEach((mask, index) => file.writeUInt32LE(mask, 54 + index * 4));
  file.set(palette, 54 + masks.length * 4);
  rows.forEach((row, index) => file.set(row, offset + stride * (isTopDown ? index : HEIGHT - 1 - index)));
  return file;
}

const rowsOf = (encode: (red: number, green: number, blue: number) => number[]): number[][] =>
  Array.from({ length: HEIGHT }, (_, row) =>
    Array.from({ length: WIDTH }, (_, column) => {
      const at = (row * WIDTH + column) * 3;
      return encode(pixels[at]!, pixels[at + 1]!, pixels[at + 2]!);
    }).flat(),
  );

/** The pixels of a file of 5x3, from 0 to 255. */
async function decode(name: string, bytes: Uint8Array): Promise<number[]> {
  const folder = await openImageFolder(await folderOf({ [name]: bytes }), { check: 'pixels', strict: true });
  const { images } = await createBatches(folder, { batchSize: 1, imageSize: [HEIGHT, WIDTH], workers: 0 }).next();
  return Array.from(images, (value) => Math.round(value * 255));
}

describe('images of every format that is read', () => {
  it.each([
    ['a.PNG', picture.clone().png()],
    ['a.apng', picture.clone().png()],
    ['a.webp', picture.clone().webp({ lossless: true })],
    ['a.tif', picture.clone().tiff({ compression: 'none' })],
    ['a.TIFF', picture.clone().tiff({ compression: 'lzw' })],
    ['a.gif', picture.clone().gif({ dither: 0 })],
    ['a.avif', picture.clone().avif({ lossless: true })],
  ])('%s', async (name, encoded) => {
    const got = await decode(name, await encoded.toBuffer());
    // Palettes and the colours of AVIF round.
    const worst = Math.max(...got.map((value, index) => Math.abs(value - pixels[index]!)));
    expect(worst).toBeLessThanOrEqual(/gif|avif/.test(name) ? 8 : 0);
  });

  it.each(['a.jpg', 'a.jpeg', 'a.jpe', 'a.jfif', 'a.JIF'])('%s', async (name) => {
    const got = await decode(name, await plain(WIDTH, HEIGHT, '#336699').jpeg({ quality: 100 }).toBuffer());
    expect(Math.abs(got[0]! - 0x33)).toBeLessThan(4);
  });

  const bgr = rowsOf((red, green, blue) => [blue, green, red]);
  it.each<[string, BitmapParts]>([
    ['24 bits', { bits: 24, rows: bgr }],
    ['24 bits from the top', { bits: 24, rows: bgr, isTopDown: true }],
    ['32 bits', { bits: 32, rows: rowsOf((red, green, blue) => [blue, green, red, 0]) }],
    [
      '32 bits with masks',
      {
        bits: 32,
        rows: rowsOf((red, green, blue) => [red, green, blue, 255]),
        masks: [0xff, 0xff00, 0xff0000],
      },
    ],
    [
      '8 bits with a palette',
      {
        bits: 8,
        rows: Array.from({ length: HEIGHT }, (_, row) => Array.from({ length: WIDTH }, (_, x) => row * WIDTH + x)),
        palette: rowsOf((red, green, blue) => [blue, green, red, 0]).flat(),
      },
    ],
  ])('BMP of %s', async (_name, parts) => {
    expect(await decode('a.bmp', bitmap(parts))).toEqual([...pixels]);
  });

  it('BMP of 1, 4 and 16 bits, of odd widths', async () => {
    const blackWhite = [0, 0, 0, 0, 255, 255, 255, 0];
    const one = await decode(
      'a.bmp',
      bitmap({ bits: 1, rows: [[0b10101000], [0b01010000], [0b11111000]], palette: blackWhite }),
    );
    expect(one.filter((_, index) => index % 3 === 0).map((value) => value / 255)).toEqual([
      1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1,
    ]);
    const four = await decode(
      'b.dib',
      bitmap({
        bits: 4,
        rows: [
          [1, 0x10, 0x10],
          [0, 0, 0],
          [0x11, 0x11, 0x10],
        ],
        palette: blackWhite,
      }),
    );
    expect(four.filter((_, index) => index % 3 === 0).map((value) => value / 255)).toEqual([
      0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1,
    ]);
    const red = [0, 0x7c];
    const sixteen = await decode(
      'c.bmp',
      bitmap({ bits: 16, rows: Array.from({ length: 3 }, () => Array.from({ length: 5 }, () => red).flat()) }),
    );
    expect(sixteen.slice(0, 3)).toEqual([255, 0, 0]);
  });

  it('BMPs that are damaged, compressed or too large are named', async () => {
    const good = bitmap({ bits: 24, rows: bgr });
    const wide = Buffer.from(good);
    wide.writeInt32LE(2 ** 30, 18);
    const files = {
      'compressed.bmp': bitmap({ bits: 8, rows: bgr, palette: [0, 0, 0, 0], compression: 1 }),
      'cut.bmp': good.subarray(0, good.length - 1),
      'good.bmp': good,
      'head.bmp': good.subarray(0, 20),
      'odd.bmp': bitmap({ bits: 7, rows: bgr }),
      'palette.bmp': bitmap({ bits: 8, rows: [[9, 9, 9, 9, 9], [0], [0]], palette: [0, 0, 0, 0] }),
      'wide.bmp': wide,
    };
    const skipped: SkippedImage[] = [];
    const onSkip = (image: SkippedImage): void => void skipped.push(image);
    const folder = await openImageFolder(await folderOf(files), { check: 'pixels', onSkip });
    expect(folder.files).toEqual(['good.bmp']);
    expect(Object.fromEntries(skipped.map(({ name, reason }) => [name, reason]))).toEqual({
      'compressed.bmp': 'it is a compressed BMP, which is not read',
      'cut.bmp': 'it is damaged or cut short',
      'head.bmp': 'its header is damaged',
      'odd.bmp': 'it is a BMP of 7 bits a pixel, which is not read',
      'palette.bmp': 'its header is damaged',
      'wide.bmp': 'it has 3221225472 pixels, more than 100000000',
    });
  });

  it('images of formats that are not read are named, and refused with strict', async () => {
    const path = await folderOf({ 'a.png': await gradient(8, 8).png().toBuffer(), 'b.heic': 'x', 'c.svg': '<svg/>' });
    const skipped: SkippedImage[] = [];
    const folder = await openImageFolder(path, { onSkip: (image) => skipped.push(image) });
    expect(skipped).toEqual([
      { name: 'b.heic', reason: '.heic images are not read' },
      { name: 'c.svg', reason: '.svg images are not read' },
    ]);
    expect(folder.length).toBe(1);
    await expect(openImageFolder(path, { strict: true })).rejects.toThrow(DataError);
    await expect(openImageFolder(path, { strict: true })).rejects.toThrow('b.heic (.heic images are not read)');
  });

  it('files that are no images are counted', async () => {
    const path = await folderOf({
      'a.png': await gradient(8, 8).png().toBuffer(),
      'b.txt': 'x',
      'd/c.TXT': 'x',
      e: '',
    });
    const { others, skipped } = await openImageFolder(path, { strict: true });
    expect(Object.fromEntries(others)).toEqual({ '.txt': 2, 'without extension': 1 });
    expect(skipped).toEqual([]);
  });
});
