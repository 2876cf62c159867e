import { spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError } from '@vitvq/core';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { createBatches, openImageFolder, type SkippedImage } from '../src/index.js';
import { createDecoder } from '../src/internal/decoder.js';
import { folderOf, plain, twoClasses } from './images.js';
import { collect, take, training } from './take-batches.js';

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
    const failure = stream.next().catch((error: unknown) => error);
    await stream.close();
    expect(String(await failure)).toContain('expected an open stream, got one that was closed');
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
    // A context that no caller can make: the thread stumbles over it outside the decoding of an
    // image.
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
