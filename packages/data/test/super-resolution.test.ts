import { join } from 'node:path';
import { foldIn, randomKey, type SourceImage } from '@vitvq/core';
import { testImageSource } from '@vitvq/test-utils';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { createBatches, openDataSource, type DataSource, type DataSourceConfig } from '../src/index.js';
import { degrade, degradationSchema } from '../src/internal/degrade.js';
import type { Raster } from '../src/internal/raster.js';
import { folderOf, gradient, plain } from './images.js';

type Config = Extract<DataSourceConfig, { kind: 'super-resolution' }>;

const quiet = { onSkip: (): void => undefined };
const plainly = { blur: null, noise: null, jpeg: null, resize: ['cubic' as const] };

async function threeImages(): Promise<string> {
  const files: Record<string, Uint8Array> = {};
  for (const index of [0, 1, 2]) files[`${index}.png`] = await gradient(48, 32, index).png().toBuffer();
  return folderOf(files);
}

const open = async (more: Partial<Config> = {}): Promise<DataSource> =>
  openDataSource({ kind: 'super-resolution', images: { kind: 'folder', path: await threeImages() }, ...more }, quiet);

async function rasterOf(image: SourceImage): Promise<Raster> {
  if ('pixels' in image) return { ...image, channels: 3 };
  const { data, info } = await sharp('bytes' in image ? image.bytes : image.file)
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { pixels: data, height: info.height, width: info.width, channels: 3 };
}

testImageSource({
  name: 'images that are made worse',
  create: async () => (await open()).conditions!,
  createBatches,
});

describe('super-resolution', () => {
  it('pairs each image with itself made smaller and worse, by draws of the seed and the image', async () => {
    const source = await open({ degradation: { scale: 4 } });
    const { conditions } = source;
    expect(conditions!.length).toBe(3);
    const first = await rasterOf(await conditions!.read(0));
    expect([first.height, first.width]).toEqual([8, 12]);
    const again = await open();
    expect(await again.conditions!.read(0)).toEqual(await conditions!.read(0));
    const other = await open({ seed: 1 });
    expect(await other.conditions!.read(0)).not.toEqual(await conditions!.read(0));
    expect(other.conditions!.identity).not.toBe(conditions!.identity);
  });

  it('becomes batches of pairs, cropped and mirrored alike', async () => {
    const source = await open({ degradation: { scale: 2, ...plainly } });
    const batch = await createBatches(source, {
      batchSize: 3,
      imageSize: 16,
      resizeTo: 24,
      crop: 'random',
      flip: true,
      key: randomKey(2),
      conditionSource: source.conditions!,
      workers: 0,
    }).next();
    const { data } = batch.conditionImages!;
    // Red and green grow smoothly over the picture, so both images show the same place.
    const differences = batch.images
      .filter((_, index) => index % 3 < 2)
      .map((value, index) => Math.abs(value - data[Math.floor(index / 2) * 3 + (index % 2)]!));
    expect(Math.max(...differences)).toBeLessThan(0.06);
    expect(Math.max(...batch.images) - Math.min(...batch.images)).toBeGreaterThan(0.3);
  });

  it('takes any source of images, its range and its own, pixels too', async () => {
    const path = await threeImages();
    const source = await open({ images: { kind: 'folder', path, range: [1, 3] }, limit: 1 });
    expect(source.nameOf!(0)).toBe('1.png');
    expect(source.conditions!.nameOf!(0)).toBe('1.png');
    expect([source.length, source.conditions!.length]).toEqual([1, 1]);
    const record = Buffer.concat([Buffer.from([3]), Buffer.alloc(3072, 100)]);
    const cifar = await folderOf({ 'test_batch.bin': record });
    const images = { kind: 'cifar-binary', path: cifar, variant: 'cifar10', split: 'test' } as const;
    const small = await rasterOf(await (await open({ images, degradation: plainly })).conditions!.read(0));
    expect([small.height, small.width, small.pixels[0]]).toEqual([8, 8, 100]);
  });

  it('names an image that cannot be decoded', async () => {
    const path = await folderOf({ 'a.png': await plain(8, 8, '#fff').png().toBuffer(), 'b.png': 'text' });
    const source = await open({ images: { kind: 'folder', path, check: 'none' } });
    await expect(source.conditions!.read(1)).rejects.toThrow('it is not a PNG');
  });

  it('says what a config has wrong', async () => {
    const attempt = open({ degradation: { blur: { sigma: [3, 1] }, noize: {} } as never });
    await expect(attempt).rejects.toThrow('degradation.blur.sigma is [3,1]: expected [minimum, maximum]');
    await expect(attempt).rejects.toThrow('unknown option "degradation.noize" (did you mean "noise"?)');
    await expect(open({ images: { kind: 'folder' } as never })).rejects.toThrow('images.path');
  });
});

describe('each step of degrade', () => {
  const size = 64;
  const step: Raster = {
    pixels: Uint8Array.from({ length: size * size * 3 }, (_, byte) =>
      Math.floor(byte / 3) % size < size / 2 ? 0 : 255,
    ),
    height: size,
    width: size,
    channels: 3,
  };
  const grey: Raster = { ...step, pixels: new Uint8Array(size * size * 3).fill(128) };
  const run = async (image: Raster, config: object, key = randomKey(1)): Promise<Raster> =>
    rasterOf(await degrade(image, degradationSchema.parse({ ...plainly, scale: 1, ...config }), key));
  /** Standard deviation of the first channel. */
  const deviation = ({ pixels }: Raster): number => {
    const values = Array.from(pixels).filter((_, index) => index % 3 === 0);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  };

  it('blur widens an edge as a Gaussian does', async () => {
    const { pixels } = await run(step, { blur: { sigma: [2, 2], isotropic: 1 } });
    const row = Array.from({ length: size }, (_, x) => pixels[(32 * size + x) * 3]! / 255);
    // One deviation from the edge, 84 % of a Gaussian lie on this side.
    expect(row[31]).toBeCloseTo(0.4, 1);
    expect(row[33]).toBeCloseTo(0.77, 1);
    expect(row[27]).toBeLessThan(0.03);
    expect(new Uint8Array((await run(step, {})).pixels)).toEqual(step.pixels);
  });

  it('blur may be wider in one direction', async () => {
    const widths = await Promise.all(
      [1, 2, 3, 4, 5, 6].map(async (seed) => {
        const blur = { sigma: [0.3, 6], isotropic: 0 };
        const { pixels } = await run(step, { blur }, foldIn(randomKey(9), seed));
        return pixels.filter((value, index) => index % 3 === 0 && value > 10 && value < 245).length / size;
      }),
    );
    expect(new Set(widths.map((width) => Math.round(width))).size).toBeGreaterThan(2);
  });

  it('noise has the deviation asked for, in all channels alike or not', async () => {
    const coloured = await run(grey, { noise: { sigma: [10, 10], gray: 0 } });
    expect(deviation(coloured)).toBeGreaterThan(9);
    expect(deviation(coloured)).toBeLessThan(11);
    const isGray = ({ pixels }: Raster): boolean =>
      pixels.every((value, index) => value === pixels[index - (index % 3)]);
    expect(isGray(coloured)).toBe(false);
    const gray = await run(grey, { noise: { sigma: [10, 10], gray: 1 } });
    expect(isGray(gray)).toBe(true);
    expect(deviation(gray)).toBeGreaterThan(9);
  });

  it('JPEG is worse at a lower quality', async () => {
    const noisy = await run(grey, { noise: { sigma: [30, 30] } });
    const error = async (quality: number): Promise<number> => {
      const { pixels } = await run(noisy, { jpeg: { quality: [quality, quality] } });
      return pixels.reduce((sum, value, index) => sum + Math.abs(value - noisy.pixels[index]!), 0) / pixels.length;
    };
    expect(await error(95)).toBeGreaterThan(0);
    expect(await error(20)).toBeGreaterThan(2 * (await error(95)));
  });

  it('sizes are rounded, down to one pixel', async () => {
    const { height, width } = await run({ ...grey, height: 32, width: 128 }, { scale: 64 });
    expect([height, width]).toEqual([1, 2]);
  });
});

describe('paired-folders', () => {
  it('opens two folders as pairs', async () => {
    const images = await threeImages();
    const png = await plain(12, 8, '#123456').png().toBuffer();
    const conditions = await folderOf({ '0.png': png, '1.png': png, '2.png': 'text' });
    const source = await openDataSource({ kind: 'paired-folders', images, conditions, range: [1, 2] }, quiet);
    expect(source.skipped).toEqual([
      { name: '2.png', reason: expect.stringContaining('its condition image 2.png cannot be used') as string },
    ]);
    expect(await source.conditions!.read(0)).toEqual({ file: join(conditions, '1.png') });
    expect(source.conditions!.decoding.resampling).toBe('nearest');
    expect(source.length).toBe(1);
  });
});
