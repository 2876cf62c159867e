import { once } from 'node:events';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { createBatches, openImageFolder, type SkippedImage } from '../src/index.js';
import { readArchive } from '../src/internal/cifar10-archives.js';
import { folderOf, plain, temporaryFolder } from './images.js';
import { load, npmArchive } from './small-cifar10.js';
import { fileSource } from '../src/internal/cifar10-sources.js';

/** The header of a member of a tar, whose content need not follow. */
function tarHeader(name: string, size: number, type: string): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  // Eleven octal digits hold 8 GiB at most.
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.fill(' ', 148, 156);
  header.write(type, 156);
  header.write('ustar\x0000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

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
  const header = tarHeader('package/unwanted.bin', 8e9, '0');
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
  const member = gzipSync(Buffer.concat([tarHeader('x', 2 ** 24, '0'), Buffer.alloc(2 ** 24)]), { level: 1 });
  let members = 0;
  const sent = function* (): Generator<Buffer> {
    for (; members < 100; members++) yield member;
  };
  const reading = readArchive(
    Readable.from(sent()),
    format,
    () => Promise.resolve(),
    () => undefined,
  );
  await expect(reading).rejects.toThrow(/an archive of at most 536870912 bytes, got more/);
  expect(members).toBeLessThan(100);
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

it('warns of names that terminals would obey with escapes', async () => {
  const png = await plain(16, 16, 'red').png().toBuffer();
  const folder = await folderOf({ 'good.png': png, 'x\x1b[2J.png': '' });
  const warned = once(process, 'warning');
  await openImageFolder(folder);
  const [{ message }] = (await warned) as [Error];
  expect(message).toContain('1 image left out: x\\x1b[2J.png (it is empty)');
  expect(message).not.toContain('\x1b');
});
