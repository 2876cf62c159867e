import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { openImageArray, type SourceBatch } from '../src/index.js';
import { gradient } from './images.js';
import { collect, key } from './take-batches.js';

describe('createBatches: crops of arrays', () => {
  const ramp = openImageArray({
    images: Uint8Array.from({ length: 10 * 10 }, (_, index) => (index % 10) * 10 + Math.floor(index / 10)),
    height: 10,
    width: 10,
    channels: 1,
  });
  const bytesOf = ({ images }: SourceBatch): number[] => [...images].map((value) => Math.round(value * 255));

  it('takes the centre', async () => {
    const [batch] = await collect(ramp, { batchSize: 1, imageSize: [2, 4], resizeTo: 10 }, 1);
    expect(batch!.shape).toEqual([1, 2, 4, 1]);
    expect(bytesOf(batch!)).toEqual([34, 44, 54, 64, 35, 45, 55, 65]);
  });

  it('takes every position and both directions at random', async () => {
    const options = { batchSize: 1, imageSize: 8, resizeTo: 10, crop: 'random', flip: true, key } as const;
    const seen = new Set((await collect(ramp, options, 200)).map((batch) => bytesOf(batch).slice(0, 2).join()));
    expect(seen.size).toBe(3 * 3 * 2);
  });

  it('mirrors left to right', async () => {
    const batches = await collect(ramp, { batchSize: 1, imageSize: 10, flip: true, key }, 60);
    const rows = batches.map((batch) => bytesOf(batch).slice(0, 10).join());
    expect(new Set(rows)).toEqual(new Set(['0,10,20,30,40,50,60,70,80,90', '90,80,70,60,50,40,30,20,10,0']));
    const mirrored = rows.filter((row) => row.startsWith('90')).length;
    expect(mirrored).toBeGreaterThan(15);
    expect(mirrored).toBeLessThan(45);
  });

  it('shrinks with a filter that counts every pixel, and enlarges linearly', async () => {
    const checks = openImageArray({
      images: Uint8Array.from({ length: 64 }, (_, index) => ((index + (index >> 3)) % 2 ? 200 : 0)),
      height: 8,
      width: 8,
      channels: 1,
    });
    const [small] = await collect(checks, { batchSize: 1, imageSize: 2 }, 1);
    for (const value of bytesOf(small!)) expect(Math.abs(value - 100)).toBeLessThanOrEqual(2);
    const pair = openImageArray({ images: Uint8Array.of(0, 100, 0, 100), height: 2, width: 2, channels: 1 });
    const [large] = await collect(pair, { batchSize: 1, imageSize: 4 }, 1);
    expect(bytesOf(large!).slice(0, 4)).toEqual([0, 25, 75, 100]);
  });

  it('takes the nearest pixel of maps, whether it shrinks or enlarges them, and mirrors it', async () => {
    const images = Uint8Array.from({ length: 6 * 6 }, (_, index) => 10 * (index % 6) + Math.floor(index / 6));
    const maps = openImageArray({ images, height: 6, width: 6, channels: 1, resampling: 'nearest' });
    const [small] = await collect(maps, { batchSize: 1, imageSize: 2 }, 1);
    expect(bytesOf(small!)).toEqual([11, 41, 14, 44]);
    const [large] = await collect(maps, { batchSize: 1, imageSize: [1, 4], resizeTo: 12 }, 1);
    expect(bytesOf(large!)).toEqual([22, 22, 32, 32]);
    const rows = await collect(maps, { batchSize: 1, imageSize: [1, 4], resizeTo: 9, flip: true, key }, 20);
    expect(new Set(rows.map((batch) => bytesOf(batch).join()))).toEqual(new Set(['13,23,33,33', '33,33,23,13']));
    const [same] = await collect(maps, { batchSize: 1, imageSize: 6 }, 1);
    expect(bytesOf(same!)).toEqual([...images]);
  });

  it('agrees with libvips on a smooth image', async () => {
    const data = await gradient(50, 40, 0).raw().toBuffer();
    const array = openImageArray({ images: new Uint8Array(data), height: 40, width: 50 });
    const [ours] = await collect(array, { batchSize: 1, imageSize: 20 }, 1);
    const theirs = await sharp(data, { raw: { width: 50, height: 40, channels: 3 } })
      .resize(25, 20, { kernel: 'linear' })
      .raw()
      .toBuffer();
    for (let y = 2; y < 18; y++) {
      for (let x = 0; x < 20; x++) {
        for (const channel of [0, 1]) {
          expect(
            Math.abs(ours!.images[(y * 20 + x) * 3 + channel]! * 255 - theirs[(y * 25 + x + 2) * 3 + channel]!),
          ).toBeLessThan(3);
        }
      }
    }
  });

  it('mirrors scaled crops too', async () => {
    const batches = await collect(ramp, { batchSize: 1, imageSize: 5, flip: true, key }, 40);
    const rows = new Set(batches.map((batch) => bytesOf(batch).slice(0, 5).join()));
    expect(rows.size).toBe(2);
    const [a, b] = [...rows];
    expect(a!.split(',').reverse().join()).toBe(b);
  });
});
