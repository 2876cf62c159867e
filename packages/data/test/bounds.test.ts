import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { expect, it } from 'vitest';
import { createBatches, openImageFolder, type SkippedImage } from '../src/index.js';
import { readArchive } from '../src/internal/cifar10-archives.js';
import { folderOf, plain, temporaryFolder } from './images.js';
import { load, npmArchive } from './small-cifar10.js';
import { fileSource } from '../src/internal/cifar10-sources.js';

it('refuses an image with a tail of zeros before it reads it', async () => {
  const png = await plain(16, 16, 'red').png().toBuffer();
  const folder = await folderOf({ 'good.png': png, 'tail.png': png });
  await truncate(join(folder, 'tail.png'), 1.9e9);
  const reason = 'it has 1900000000 bytes, more than 268435456';
  const skipped: SkippedImage[] = [];
  const onSkip = (image: SkippedImage): void => void skipped.push(image);
  const checked = await openImageFolder(folder, { onSkip });
  expect(checked.files).toEqual(['good.png']);
  expect(skipped).toEqual([{ name: 'tail.png', reason }]);

  // Not looked at when the folder is opened, and of a smaller limit.
  await truncate(join(folder, 'tail.png'), 10_000);
  const source = await openImageFolder(folder, { check: 'none', maximumBytes: 5000, onSkip });
  expect(source.files).toEqual(['good.png', 'tail.png']);
  skipped.length = 0;
  const batches = createBatches(source, {
    imageSize: 16,
    batchSize: 2,
    lastBatch: 'partial',
    epochs: 1,
    workers: 0,
    onSkip,
  });
  for await (const { labels } of batches) expect(labels).toHaveLength(1);
  expect(skipped).toEqual([expect.objectContaining({ reason: 'it has 10000 bytes, more than 5000' })]);
  await expect(openImageFolder(folder, { maximumBytes: 0 })).rejects.toThrow('maximumBytes to be an integer');
});

it('says why a file cannot be read', async () => {
  const folder = await folderOf({ 'a.png': '' });
  const source = { length: 1, read: () => ({ file: join(folder, 'none.png') }), decoding: { strict: true } };
  const batches = createBatches(source, { imageSize: 16, batchSize: 1, epochs: 1, workers: 0 });
  await expect(batches.next()).rejects.toThrow(/it cannot be read: .*no such file/);
});

it('refuses an archive with an unwanted member of 8 GB at its header', async () => {
  const { format, bytes } = await npmArchive();
  const archive = pack();
  archive.entry({ name: 'package/unwanted.bin', size: 8e9 }).on('error', () => undefined);
  const header = archive.read() as Buffer;
  archive.destroy();
  const hostile = gzipSync(Buffer.concat([header, Buffer.alloc(2 ** 20)]));
  await expect(
    readArchive(
      Readable.from([hostile]),
      format,
      () => Promise.resolve(),
      () => undefined,
    ),
  ).rejects.toThrow(/expected package\/unwanted\.bin of at most 67108864 bytes, got 8000000000/);
  const cache = await temporaryFolder();
  await writeFile(join(cache, format.fileName), bytes);
  expect((await load(cache, [(await fileSource(cache, format))!])).labels).toHaveLength(8);
});

it('unpacks no more than an archive can have', async () => {
  const { format } = await npmArchive();
  // A long name of 8 GB, which is kept in memory until it is complete.
  const archive = pack();
  archive.entry({ name: 'x', size: 8e9, type: 'pax-header' as 'file' }).on('error', () => undefined);
  const header = archive.read() as Buffer;
  archive.destroy();
  const zeros = Buffer.alloc(2 ** 24);
  let blocks = 0;
  const sent = async function* (): AsyncGenerator<Buffer> {
    yield header;
    for (; blocks < 100; blocks++) yield zeros;
  };
  const { createGzip } = await import('node:zlib');
  const source = Readable.from(sent()).pipe(createGzip({ level: 1 }));
  await expect(
    readArchive(
      source,
      format,
      () => Promise.resolve(),
      () => undefined,
    ),
  ).rejects.toThrow(/an archive of at most 536870912 bytes, got more/);
  expect(blocks).toBeLessThan(60);
});

it('takes no more from its own cache than the data set has', async () => {
  const { format, bytes } = await npmArchive();
  const cache = await temporaryFolder();
  await writeFile(join(cache, format.fileName), bytes);
  const source = (await fileSource(cache, format))!;
  await load(cache, [source]);
  const images = join(cache, 'cifar10', 'train-images.u8');
  await truncate(images, 2 ** 40);
  const manifest = { version: 1, source: 'x', files: { 'train-images.u8': { bytes: 2 ** 40, sha256: '' } } };
  await writeFile(join(cache, 'cifar10', 'manifest.json'), JSON.stringify(manifest));
  expect((await load(cache, [source])).labels).toHaveLength(8);
});
