import sharp, { type Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { createBatches, openImageFolder, type SourceBatch, type ImageFolderOptions } from '../src/index.js';
import { folderOf, gradient, plain } from './images.js';

/** The only image of a folder, cropped to `imageSize`. */
async function decoded(
  name: string,
  content: Uint8Array,
  imageSize: number | readonly [number, number],
  options: ImageFolderOptions = {},
): Promise<SourceBatch> {
  const source = await openImageFolder(await folderOf({ [name]: content }), options);
  return createBatches(source, { batchSize: 1, imageSize, workers: 0 }).next();
}

/** Red, green and blue, 0 to 255, at a position. */
function pixel({ images, shape }: SourceBatch, y: number, x: number): number[] {
  const offset = (y * shape[2] + x) * shape[3];
  return [...images.subarray(offset, offset + 3)].map((value) => Math.round(value * 255));
}

function expectNear(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  for (const [index, value] of expected.entries())
    expect(Math.abs(actual[index]! - value)).toBeLessThanOrEqual(tolerance);
}

describe('decoding to 8-bit RGB', () => {
  it('keeps the bytes of a PNG of the right size', async () => {
    const original = await gradient(16, 16).raw().toBuffer();
    const batch = await decoded('a.png', await gradient(16, 16).png().toBuffer(), 16);
    expect(batch.shape).toEqual([1, 16, 16, 3]);
    expect([...batch.images].map((value) => Math.round(value * 255))).toEqual([...original]);
    expect(batch.images[0]).toBe(Math.fround(original[0]! / 255));
  });

  const colour = '#c86432';
  const [r, g, b] = [200, 100, 50];
  // Grey of the same luminance in linear light.
  const grey = 128;
  it.each([
    ['progressive JPEG', 'a.jpg', () => plain(32, 32, colour).jpeg({ progressive: true, quality: 95 }), [r, g, b], 3],
    ['WebP', 'a.webp', () => plain(32, 32, colour).webp({ lossless: true }), [r, g, b], 1],
    ['palette PNG', 'a.png', () => plain(32, 32, colour).png({ palette: true }), [r, g, b], 2],
    ['16-bit PNG', 'a.png', () => plain(32, 32, colour).toColourspace('rgb16').png(), [r, g, b], 1],
    [
      'CMYK JPEG',
      'a.jpg',
      () => plain(32, 32, '#96785a').toColourspace('cmyk').jpeg({ quality: 95 }),
      [150, 120, 90],
      14,
    ],
    ['grey PNG', 'a.png', () => plain(32, 32, colour).toColourspace('b-w').png(), [grey, grey, grey], 4],
    ['grey JPEG', 'a.jpg', () => plain(32, 32, colour).toColourspace('b-w').jpeg(), [grey, grey, grey], 4],
    ['16-bit grey PNG', 'a.png', () => plain(32, 32, colour).toColourspace('grey16').png(), [grey, grey, grey], 4],
  ] as const)('converts a %s', async (_, name, make, expected, tolerance) => {
    const batch = await decoded(name, await make().toBuffer(), 16);
    expect(batch.shape).toEqual([1, 16, 16, 3]);
    expectNear(pixel(batch, 8, 8), expected, tolerance);
  });

  it('puts transparent images on white, or on the colour asked for', async () => {
    const half = await sharp({
      create: { width: 8, height: 8, channels: 4, background: { r: 255, g: 0, b: 0, alpha: 0.5 } },
    })
      .png()
      .toBuffer();
    expectNear(pixel(await decoded('a.png', half, 8), 4, 4), [255, 127, 127], 1);
    expectNear(pixel(await decoded('a.png', half, 8, { background: '#000000' }), 4, 4), [127, 0, 0], 1);
    const greyAlpha = await sharp(half).toColourspace('b-w').png().toBuffer();
    const [first, second, third] = pixel(await decoded('a.png', greyAlpha, 8), 4, 4);
    expect(first).toBe(second);
    expect(second).toBe(third);
  });

  it("applies the camera's rotation", async () => {
    const left = await plain(20, 40, '#ff0000').png().toBuffer();
    const picture = await plain(40, 40, '#0000ff')
      .composite([{ input: left, left: 0, top: 0 }])
      .png()
      .toBuffer();
    const rotated = await sharp(picture).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer();
    const batch = await decoded('a.jpg', rotated, 40);
    expectNear(pixel(batch, 5, 20), [255, 0, 0], 8);
    expectNear(pixel(batch, 35, 20), [0, 0, 255], 8);
  });

  it('scales to cover the crop and takes the centre', async () => {
    const batch = await decoded('a.png', await gradient(400, 100).png().toBuffer(), [20, 30]);
    expect(batch.shape).toEqual([1, 20, 30, 3]);
    expectNear(pixel(batch, 0, 15), [129, 6], 3);
    expectNear(pixel(batch, 10, 0), [81, 134], 3);
    expectNear(pixel(batch, 10, 29), [174, 134], 3);
  });

  it.each([
    ['palette PNG', 'a.png', (image: Sharp) => image.png({ palette: true })],
    ['lossless WebP', 'a.webp', (image: Sharp) => image.webp({ lossless: true })],
  ])('keeps the colours of a map (%s) where it is asked for the nearest pixels', async (_, name, encode) => {
    // Two classes in a pattern finer than the result, around a third one in the middle.
    const [width, height] = [300, 200];
    const classes = [
      [255, 0, 0],
      [0, 0, 255],
      [0, 128, 0],
    ];
    const data = Uint8Array.from({ length: width * height * 3 }, (_, byte) => {
      const [pixel, channel] = [Math.floor(byte / 3), byte % 3];
      const [x, y] = [pixel % width, Math.floor(pixel / width)];
      const isMiddle = Math.abs(x - width / 2) < 20 && Math.abs(y - height / 2) < 20;
      return classes[isMiddle ? 2 : (x + y) % 2]![channel]!;
    });
    const file = await encode(sharp(data, { raw: { width, height, channels: 3 } })).toBuffer();
    for (const imageSize of [20, 150, 400]) {
      const batch = await decoded(name, file, imageSize, { resampling: 'nearest' });
      const colours = new Set(Array.from({ length: imageSize }, (_, x) => pixel(batch, imageSize / 2, x).join()));
      for (const colour of colours) expect(classes.map((rgb) => rgb.join())).toContain(colour);
      expect(pixel(batch, imageSize / 2, imageSize / 2)).toEqual(classes[2]);
    }
    const smooth = await decoded(name, file, 20);
    expectNear(pixel(smooth, 2, 2), [127, 0, 127], 12);
  });

  it('enlarges small images, down to one pixel', async () => {
    const batch = await decoded('a.png', await plain(1, 1, '#0a141e').png().toBuffer(), 16);
    expect(pixel(batch, 0, 0)).toEqual([10, 20, 30]);
    expect(pixel(batch, 15, 15)).toEqual([10, 20, 30]);
  });

  it.each([
    [20_000, 2],
    [2, 20_000],
    [3000, 3],
  ])('copes with a %i x %i image', async (width, height) => {
    const batch = await decoded('a.png', await gradient(width, height).png().toBuffer(), 32);
    const [acrossX, acrossY] = pixel(batch, 16, 16);
    // The long side is cut in its middle; the short one is enlarged whole, between its few values.
    expectNear([width > height ? acrossX! : acrossY!], [127], 2);
    const short =
      width > height
        ? pixel(batch, 31, 16)[1]! - pixel(batch, 0, 16)[1]!
        : pixel(batch, 16, 31)[0]! - pixel(batch, 16, 0)[0]!;
    expect(short).toBeGreaterThan(100);
  });

  it('takes the first frame of an animation', async () => {
    const frames = await Promise.all(['#ff0000', '#00ff00'].map((color) => plain(8, 8, color).png().toBuffer()));
    const animated = await sharp(frames, { join: { animated: true } })
      .webp({ lossless: true, loop: 0 })
      .toBuffer();
    expect((await sharp(animated).metadata()).pages).toBe(2);
    expect(pixel(await decoded('a.webp', animated, 8), 4, 4)).toEqual([255, 0, 0]);
  });
});
