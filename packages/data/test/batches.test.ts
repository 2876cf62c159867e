import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, DataError, randomKey } from '@vitvq/core';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import {
  createBatches,
  openImageArray,
  openImageFolder,
  type BatchOptions,
  type BatchStream,
  type ImageBatch,
  type ImageDataset,
  type SkippedImage,
} from '../src/index.js';
import { createDecoder } from '../src/internal/decoder.js';
import { folderOf, gradient, plain, twoClasses } from './images.js';

const key = randomKey(7);
const training = { batchSize: 3, imageSize: 16, crop: 'random', flip: true, shuffle: true, key } as const;

/** `count` images of 8x6 whose first byte is their number. */
function numbered(count: number, height = 8, width = 6): ImageDataset {
  const images = new Uint8Array(count * height * width * 3);
  for (let index = 0; index < images.length; index++) images[index] = (index * 31) % 251;
  return openImageArray({ images, height, width, labels: Array.from({ length: count }, (_, index) => index) });
}

async function take(stream: BatchStream, count: number): Promise<ImageBatch[]> {
  const batches: ImageBatch[] = [];
  for (let index = 0; index < count; index++) batches.push(await stream.next());
  return batches;
}

async function collect(source: ImageDataset, options: BatchOptions, count: number): Promise<ImageBatch[]> {
  const stream = createBatches(source, options);
  try {
    return await take(stream, count);
  } finally {
    await stream.close();
  }
}

describe('createBatches: order', () => {
  it('shows every image once an epoch, in a new order each epoch', async () => {
    const batches = await collect(numbered(12), { ...training, imageSize: [8, 6] }, 8);
    const epochs = [batches.slice(0, 4), batches.slice(4)].map((epoch) => epoch.flatMap(({ indices }) => [...indices]));
    for (const epoch of epochs)
      expect([...epoch].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, index) => index));
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(batches.map(({ epoch, index }) => [epoch, index])).toEqual(
      [0, 1].flatMap((epoch) => [0, 1, 2, 3].map((index) => [epoch, index])),
    );
    for (const { labels, indices } of batches) expect([...labels]).toEqual([...indices]);
  });

  it('keeps the order of the source unless asked to shuffle, without a key', async () => {
    const [first] = await collect(numbered(5), { batchSize: 4, imageSize: [8, 6] }, 1);
    expect([...first!.indices]).toEqual([0, 1, 2, 3]);
    expect(first).toMatchObject({ shape: [4, 8, 6, 3], count: 4, epoch: 0, index: 0 });
    expect([...first!.images.subarray(0, 4)]).toEqual([0, 31, 62, 93].map((byte) => Math.fround(byte / 255)));
  });

  it('is a function of the key', async () => {
    const options = { ...training, imageSize: [4, 4] } as const;
    const once = await collect(numbered(9), options, 6);
    expect(await collect(numbered(9), options, 6)).toEqual(once);
    expect(await collect(numbered(9), { ...options, key: randomKey(8) }, 6)).not.toEqual(once);
  });

  it('crops an image the same whatever the batch size', async () => {
    const options = { ...training, imageSize: [4, 4] } as const;
    const pixelsOf = (batches: ImageBatch[]): Map<number, Float32Array> =>
      new Map(
        batches.flatMap(({ images, indices }) =>
          [...indices].map((image, row) => [image, images.slice(row * 48, row * 48 + 48)] as const),
        ),
      );
    const [small, large] = [
      await collect(numbered(12), options, 4),
      await collect(numbered(12), { ...options, batchSize: 6 }, 2),
    ];
    const [a, b] = [pixelsOf(small), pixelsOf(large)];
    for (const [image, pixels] of a) expect(b.get(image)).toEqual(pixels);
  });

  it('goes on exactly where another stream stopped', async () => {
    const options = { ...training, imageSize: [4, 4] } as const;
    const first = createBatches(numbered(10), options);
    const whole = await take(first, 8);
    expect(first.position).toBe(8);
    const second = createBatches(numbered(10), { ...options, startAt: 5 });
    expect(second.position).toBe(5);
    expect(await take(second, 3)).toEqual(whole.slice(5));
  });

  it('answers calls that overlap in order', async () => {
    const stream = createBatches(numbered(9), { batchSize: 3, imageSize: [8, 6] });
    const batches = await Promise.all([stream.next(), stream.next(), stream.next()]);
    expect(batches.map(({ index }) => index)).toEqual([0, 1, 2]);
  });
});

describe('createBatches: last batch and end', () => {
  it('pads or shortens the last batch', async () => {
    const options = { batchSize: 3, imageSize: [8, 6] } as const;
    const padded = (await collect(numbered(5), { ...options, lastBatch: 'pad' }, 2))[1]!;
    expect(padded).toMatchObject({ shape: [3, 8, 6, 3], count: 2 });
    expect([...padded.labels]).toEqual([3, 4, -1]);
    expect([...padded.indices]).toEqual([3, 4, -1]);
    expect(padded.images.subarray(2 * 144).every((value) => value === 0)).toBe(true);
    const partial = (await collect(numbered(5), { ...options, lastBatch: 'partial' }, 2))[1]!;
    expect(partial).toMatchObject({ shape: [2, 8, 6, 3], count: 2 });
    expect(partial.images).toEqual(padded.images.slice(0, 2 * 144));
    const dropped = (await collect(numbered(5), options, 2))[1]!;
    expect(dropped).toMatchObject({ epoch: 1, index: 0, count: 3 });
  });

  it('ends after the epochs asked for', async () => {
    const stream = createBatches(numbered(5), { batchSize: 3, imageSize: [8, 6], lastBatch: 'partial', epochs: 2 });
    expect(stream.end).toBe(4);
    const counts: number[] = [];
    for await (const { count } of stream) counts.push(count);
    expect(counts).toEqual([3, 2, 3, 2]);
    await expect(stream.next()).rejects.toThrow('BatchStream: expected an open stream, got one that was closed.');
    const other = createBatches(numbered(3), { batchSize: 3, imageSize: [8, 6], epochs: 1 });
    await other.next();
    await expect(other.next()).rejects.toThrow(
      'BatchStream.next: expected at most 1 batches, got a request for one more.',
    );
  });

  it('closes when an iteration is left', async () => {
    const stream = createBatches(numbered(5), { batchSize: 3, imageSize: [8, 6] });
    for await (const batch of stream) if (batch.epoch === 2) break;
    expect(stream.position).toBe(3);
    await expect(stream.next()).rejects.toBeInstanceOf(DataError);
  });
});

describe('createBatches: crops of arrays', () => {
  const ramp = openImageArray({
    images: Uint8Array.from({ length: 10 * 10 }, (_, index) => (index % 10) * 10 + Math.floor(index / 10)),
    height: 10,
    width: 10,
    channels: 1,
  });
  const bytesOf = ({ images }: ImageBatch): number[] => [...images].map((value) => Math.round(value * 255));

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

describe('createBatches: folders', () => {
  it('gives the same batches with 0, 1 and 3 workers, damage included', async () => {
    const files = await twoClasses(11);
    files['cats/004.png'] = files['cats/004.png']!.subarray(0, 300);
    files['dogs/007.png'] = files['dogs/007.png']!.subarray(0, 300);
    const source = await openImageFolder(await folderOf(files));
    const runs = await Promise.all(
      [0, 1, 3].map(async (workers) => {
        const seen: SkippedImage[] = [];
        const options = { ...training, resizeTo: 20, workers, onSkip: (image: SkippedImage) => seen.push(image) };
        return { batches: await collect(source, options, 12), seen };
      }),
    );
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).toEqual(runs[0]);
    expect(runs[0]!.seen.map(({ name }) => name).sort()).toEqual(['cats/004.png', 'dogs/007.png']);
    for (const { count, indices } of runs[0]!.batches) {
      expect(count).toBe(3);
      for (const index of indices) expect(['cats/004.png', 'dogs/007.png']).not.toContain(source.files[index]);
    }
    const resumed = await collect(
      source,
      { ...training, resizeTo: 20, workers: 1, startAt: 7, onSkip: () => undefined },
      5,
    );
    expect(resumed).toEqual(runs[0]!.batches.slice(7));
  });

  it('leaves unusable images out of an evaluation, so that none counts twice', async () => {
    const files = await twoClasses(5);
    files['cats/002.png'] = files['cats/002.png']!.subarray(0, 300);
    const source = await openImageFolder(await folderOf(files));
    const options = { batchSize: 3, imageSize: 16, epochs: 1, workers: 1, onSkip: () => undefined } as const;
    const stream = createBatches(source, { ...options, lastBatch: 'pad' });
    const [first, second] = await take(stream, 2);
    expect([...first!.indices]).toEqual([0, 2, -1]);
    expect([...first!.labels]).toEqual([0, 0, -1]);
    expect([...second!.indices]).toEqual([3, 4, -1]);
    expect(stream.skipped.map(({ name }) => name)).toEqual(['cats/002.png']);
    await stream.close();
    const clean = await collect(source, { ...options, batchSize: 1, startAt: 2, lastBatch: 'pad' }, 1);
    expect(first!.images.slice(768, 2 * 768)).toEqual(clean[0]!.images);
    expect(first!.images.slice(2 * 768).every((value) => value === 0)).toBe(true);
  });

  it.each([0, 2])('names the file in strict mode (%i workers)', async (workers) => {
    const files = await twoClasses(4);
    files['dogs/001.png'] = files['dogs/001.png']!.subarray(0, 300);
    const folder = await folderOf(files);
    const source = await openImageFolder(folder, { strict: true });
    const stream = createBatches(source, { batchSize: 2, imageSize: 16, workers });
    expect((await stream.next()).count).toBe(2);
    const path = join(folder, 'dogs/001.png');
    await expect(stream.next()).rejects.toThrow(
      `${path}: expected a usable image, got one that is not: it is damaged or cut short. Repair`,
    );
    await expect(stream.next()).rejects.toThrow(path);
    expect(stream.position).toBe(1);
    await stream.close();
  });

  it('refuses images smaller than the crop in strict mode, and enlarges them otherwise', async () => {
    const folder = await folderOf({ 'a.png': await plain(10, 20, '#fff').png().toBuffer() });
    const options = { batchSize: 1, imageSize: 16, workers: 0 } as const;
    await expect(collect(await openImageFolder(folder, { strict: true }), options, 1)).rejects.toThrow(
      'it is 20x10, smaller than the crop 16x16 (height x width)',
    );
    const [batch] = await collect(await openImageFolder(folder), options, 1);
    expect(batch!.images.every((value) => value === 1)).toBe(true);
  });

  it('gives up on a folder that has gone', async () => {
    const folder = await folderOf(await twoClasses(6));
    const source = await openImageFolder(folder);
    await rm(folder, { recursive: true });
    const stream = createBatches(source, { ...training, workers: 1, onSkip: () => undefined });
    await expect(stream.next()).rejects.toThrow(/expected images that can mostly be read, got 32 in a row that cannot/);
    await stream.close();
  });

  it('warns of an unusable image when nobody listens', async () => {
    const files = await twoClasses(2);
    files['cats/000.png'] = files['cats/000.png']!.subarray(0, 300);
    const source = await openImageFolder(await folderOf(files));
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    await collect(source, { batchSize: 2, imageSize: 8, lastBatch: 'pad', workers: 0 }, 1);
    expect((await warned).message).toMatch(/^cats\/000\.png is not used: /);
  });
});

describe('createBatches: threads', () => {
  it('rejects an awaited batch when closed, and every later one', async () => {
    const source = await openImageFolder(await folderOf(await twoClasses(6)));
    const stream = createBatches(source, { ...training, workers: 1 });
    const awaited = stream.next();
    const rejected = expect(awaited).rejects.toThrow('expected an open stream, got one that was closed');
    await stream.close();
    await rejected;
    await expect(stream.next()).rejects.toBeInstanceOf(DataError);
    await stream.close();
  });

  it('puts the number of libvips threads back', async () => {
    const before = sharp.concurrency();
    sharp.concurrency(3);
    const source = await openImageFolder(await folderOf(await twoClasses(3)));
    const [a, b] = [1, 2].map((workers) => createBatches(source, { ...training, workers }));
    await Promise.all([a!.next(), b!.next()]);
    expect(sharp.concurrency()).toBe(1);
    await a!.close();
    expect(sharp.concurrency()).toBe(1);
    await b!.close();
    expect(sharp.concurrency()).toBe(3);
    sharp.concurrency(before);
  });

  it('reports a thread that dies, with the files it had', async () => {
    // A context that no caller can make: the thread stumbles over it outside the decoding of an image.
    const broken = { sources: [{}], crop: {} } as unknown as Parameters<typeof createDecoder>[0];
    const decoder = createDecoder(broken, 1);
    decoder.hold();
    const draws = { x: undefined, y: undefined, flip: false };
    const run = decoder.run([
      { names: ['/a/first.png'], images: [{ file: '/a/first.png' }], draws },
      { names: ['/a/last.png'], images: [{ file: '/a/last.png' }], draws },
    ]);
    await expect(run).rejects.toThrow(
      /^decoding \/a\/first\.png to \/a\/last\.png: expected the decoding thread to live, got .+ Try workers: 0/,
    );
    await expect(decoder.run([])).rejects.toBeInstanceOf(DataError);
    await decoder.close();
  });

  it('lets the process end while threads are idle or busy', async () => {
    const folder = await folderOf(await twoClasses(30));
    const entry = fileURLToPath(new URL('../src/index.ts', import.meta.url));
    const program = `
      import { pathToFileURL } from 'node:url';
      const { createBatches, openImageFolder } = await import(pathToFileURL(process.argv[1]));
      const source = await openImageFolder(process.argv[2]);
      const stream = createBatches(source, { batchSize: 4, imageSize: 32, workers: 2, prefetch: 6 });
      const batch = await stream.next();
      console.log(batch.shape.join());`;
    const child = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--conditions=@vitvq/source', '--input-type=module', '--eval', program, entry, folder],
      {
        encoding: 'utf8',
        timeout: 30_000,
      },
    );
    expect({ stdout: child.stdout, stderr: child.stderr, status: child.status }).toEqual({
      stdout: '4,32,32,3\n',
      stderr: '',
      status: 0,
    });
  });
});

describe('createBatches: options', () => {
  const options = { batchSize: 2, imageSize: [8, 6] } as const;
  it.each<[Partial<BatchOptions>, string]>([
    [{ batchSize: 0 }, 'createBatches: expected batchSize to be an integer of at least 1, got 0.'],
    [{ imageSize: [8, 0] }, 'expected imageSize to be an integer of at least 1, got 0.'],
    [{ resizeTo: [8, 5] }, 'expected resizeTo to be an integer of at least 6, got 5.'],
    [{ startAt: -1 }, 'expected startAt to be an integer of at least 0, got -1.'],
    [{ workers: 0.5 }, 'expected workers to be an integer of at least 0, got 0.5.'],
    [{ prefetch: 0 }, 'expected prefetch to be an integer of at least 1, got 0.'],
    [{ epochs: 0 }, 'expected epochs to be an integer of at least 1, got 0.'],
    [
      { shuffle: true },
      'expected a key, because order, crops or flips are random, got none. Pass key: randomKey(seed).',
    ],
    [{ crop: 'random' }, 'expected a key'],
    [{ flip: true }, 'expected a key'],
    [
      { batchSize: 9 },
      "expected at least batchSize = 9 images, got 3 in image array. Use a smaller batchSize, or lastBatch: 'pad'.",
    ],
  ])('refuses %j', (wrong, message) => {
    expect(() => createBatches(numbered(3), { ...options, ...wrong })).toThrow(message);
    expect(() => createBatches(numbered(3), { ...options, ...wrong })).toThrow(ConfigError);
  });
});
