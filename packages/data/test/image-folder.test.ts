import { chmod, link, mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { createBatches, openImageFolder, type SkippedImage } from '../src/index.js';
import { folderOf, gradient, plain, temporaryFolder } from './images.js';

const png = await plain(8, 8, '#ff0000').png().toBuffer();
const jpeg = await gradient(300, 200).jpeg({ progressive: true }).toBuffer();
const ignoreSkips = { onSkip: (): void => undefined };

/** Runs `fn` as a user who may not read everything, which root may. */
async function withoutPrivileges<T>(fn: () => Promise<T>): Promise<T> {
  if (process.geteuid!() !== 0) return fn();
  const nobody = 65534;
  process.seteuid!(nobody);
  try {
    return await fn();
  } finally {
    process.seteuid!(0);
  }
}

describe('openImageFolder: listing', () => {
  it('takes sub-folders as classes, whatever lies deeper, in sorted order', async () => {
    const folder = await folderOf({
      'zebra/b.png': png,
      'zebra/deep/er/a.PNG': png,
      'ant/2.jpg': jpeg,
      'ant/10.JPEG': jpeg,
      'ant/notes.txt': 'no image',
      '.hidden/x.png': png,
      'ant/.x.png': png,
      'empty/readme.md': '',
    });
    const source = await openImageFolder(folder);
    expect(source.files).toEqual(['ant/10.JPEG', 'ant/2.jpg', 'zebra/b.png', 'zebra/deep/er/a.PNG']);
    expect(source.classNames).toEqual(['ant', 'zebra']);
    expect([...source.labels]).toEqual([0, 0, 1, 1]);
    expect(source.length).toBe(4);
    expect(source.skipped).toEqual([]);
  });

  it('gives images directly in the folder a class of their own', async () => {
    const flat = await openImageFolder(
      await folderOf({ 'b.png': png, 'a.webp': await plain(8, 8, '#00f').webp().toBuffer() }),
    );
    expect(flat.classNames).toEqual(['.']);
    expect(flat.files).toEqual(['a.webp', 'b.png']);
    const mixed = await openImageFolder(await folderOf({ 'b.png': png, 'more/a.png': png }));
    expect(mixed.classNames).toEqual(['.', 'more']);
    expect([...mixed.labels]).toEqual([0, 1]);
  });

  it('reads names that are not ASCII', async () => {
    const folder = await folderOf({ 'häuser/日本 語.png': png, 'häuser/ü#%.jpg': jpeg });
    const batch = await createBatches(await openImageFolder(folder), { batchSize: 2, imageSize: 8, workers: 0 }).next();
    expect(batch.count).toBe(2);
  });

  it('follows links to files inside the folder and nowhere else', async () => {
    const outside = await folderOf({ 'secret.png': png });
    const folder = await folderOf({ 'a/real.png': png, 'b/other.png': png });
    await symlink(join(folder, 'a/real.png'), join(folder, 'b/inside.png'));
    await symlink(join(outside, 'secret.png'), join(folder, 'b/outside.png'));
    await symlink('nowhere.png', join(folder, 'b/broken.png'));
    await symlink(outside, join(folder, 'c'));
    await symlink(outside, join(folder, 'd.png'));
    await symlink(folder, join(folder, 'a/loop'));
    await link(join(folder, 'a/real.png'), join(folder, 'a/hard.png'));
    const source = await openImageFolder(folder, ignoreSkips);
    expect(source.files).toEqual(['a/hard.png', 'a/real.png', 'b/inside.png', 'b/other.png']);
    expect(source.skipped).toEqual([
      { name: 'b/broken.png', reason: 'it is a link to nothing' },
      { name: 'b/outside.png', reason: 'it is a link that leads out of the folder' },
      { name: 'd.png', reason: 'it is a link that leads out of the folder' },
    ]);
  });

  it('opens a folder that is itself a link', async () => {
    const folder = await folderOf({ 'a.png': png });
    const place = await temporaryFolder();
    await symlink(folder, join(place, 'data'));
    expect((await openImageFolder(join(place, 'data'))).length).toBe(1);
  });
});

describe('openImageFolder: refusals', () => {
  it('says what was looked for in a folder without images', async () => {
    const empty = await temporaryFolder();
    await expect(openImageFolder(empty)).rejects.toThrow(
      /expected images \(\.png, .*\.bmp.*, in any case\) in the folder or its sub-folders, got an empty folder\./,
    );
    const other = await folderOf({ 'a.heic': 'x', 'sub/b.heic': 'x', 'c.txt': 'x', Makefile: 'x' });
    await expect(openImageFolder(other)).rejects.toThrow(
      'got none, only other files: 2 .heic, 1 .txt, 1 without extension. Convert',
    );
    await expect(openImageFolder(other)).rejects.toBeInstanceOf(DataError);
  });

  it('says when there is no such folder, or it is a file', async () => {
    const folder = await folderOf({ 'a.png': png });
    const missing = join(folder, 'missing');
    await expect(openImageFolder(missing)).rejects.toThrow(
      `${missing}: expected a folder of images, got nothing at that path.`,
    );
    await expect(openImageFolder(join(folder, 'a.png'))).rejects.toThrow('expected a folder of images, got a file.');
  });

  it('refuses a background or a size that makes no sense', async () => {
    const folder = await folderOf({ 'a.png': png });
    await expect(openImageFolder(folder, { background: 'white' })).rejects.toThrow(
      new ConfigError({ where: 'openImageFolder', expected: 'background as #rrggbb', got: 'white' }),
    );
    await expect(openImageFolder(folder, { minimumSize: 0 })).rejects.toBeInstanceOf(ConfigError);
    await expect(openImageFolder(folder, { maximumPixels: 1.5 })).rejects.toBeInstanceOf(ConfigError);
  });
});

describe('openImageFolder: unusable files', () => {
  const damaged = {
    'a/empty.png': '',
    'a/good.png': png,
    'a/svg.png': '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    'a/text.png': 'this is text',
    'b/good.jpg': jpeg,
    'b/header.png': png.subarray(0, 20),
    'b/truncated.jpg': jpeg.subarray(0, jpeg.length / 2),
  };
  const fromHeaders = ['a/empty.png', 'a/svg.png', 'a/text.png', 'b/header.png'];

  it('names and leaves out what their headers show', async () => {
    const seen: SkippedImage[] = [];
    const source = await openImageFolder(await folderOf(damaged), { onSkip: (image) => seen.push(image) });
    expect(source.skipped.map(({ name }) => name)).toEqual(fromHeaders);
    expect(source.skipped[0]).toEqual({ name: 'a/empty.png', reason: 'it is empty' });
    expect(source.skipped[2]!.reason).toBe(
      'it is not a PNG, JPEG, WebP, GIF, TIFF, AVIF or BMP image, whatever its name says',
    );
    expect(seen).toEqual(source.skipped);
    expect(source.files).toEqual(['a/good.png', 'b/good.jpg', 'b/truncated.jpg']);
  });

  it('finds truncated pixels too when asked to', async () => {
    const source = await openImageFolder(await folderOf(damaged), { check: 'pixels', ...ignoreSkips });
    expect(source.skipped.map(({ name }) => name)).toEqual([...fromHeaders, 'b/truncated.jpg']);
    expect(source.skipped.at(-1)!.reason).toBe('it is damaged or cut short');
    expect(source.skipped.at(-2)!.reason).toBe('its header is damaged');
    expect(source.classNames).toEqual(['a', 'b']);
  });

  it('looks at nothing when asked to', async () => {
    expect((await openImageFolder(await folderOf(damaged), { check: 'none' })).length).toBe(7);
  });

  it('refuses the folder in strict mode, naming the files', async () => {
    const folder = await folderOf(damaged);
    await expect(openImageFolder(folder, { strict: true })).rejects.toThrow(
      /expected usable images only \(strict\), got 4 images that cannot be used: a\/empty\.png \(it is empty\), a\/svg\.png/,
    );
  });

  it('warns of them when nobody listens', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const folder = await folderOf(damaged);
    await openImageFolder(folder);
    expect((await warned).message).toMatch(/4 images left out: a\/empty\.png/);
  });

  it('says when none is usable', async () => {
    await expect(openImageFolder(await folderOf({ 'x.png': 'text' }))).rejects.toThrow(
      'expected at least one usable image, got 1 image, none usable: x.png (it is not a PNG',
    );
  });

  it('leaves out images that are too small or too large', async () => {
    const folder = await folderOf({ 'small.png': png, 'large.jpg': jpeg });
    const small = await openImageFolder(folder, { minimumSize: [8, 9], ...ignoreSkips });
    expect(small.skipped).toEqual([{ name: 'small.png', reason: 'it is 8x8, smaller than 8x9 (height x width)' }]);
    const large = await openImageFolder(folder, { maximumPixels: 10_000, ...ignoreSkips });
    expect(large.skipped).toEqual([{ name: 'large.jpg', reason: 'it has 60000 pixels, more than 10000' }]);
  });

  it.skipIf(process.platform === 'win32')('leaves out a file that may not be read', async () => {
    const folder = await folderOf({ 'a.png': png, 'b.png': png });
    await chmod(folder, 0o755);
    await chmod(join(folder, 'b.png'), 0);
    const source = await withoutPrivileges(() => openImageFolder(folder, ignoreSkips));
    expect(source.skipped[0]!.reason).toContain('EACCES');
  });

  it('counts a folder that is named like an image as a folder', async () => {
    const folder = await folderOf({ 'a/x.png': png });
    await mkdir(join(folder, 'odd.png'));
    expect((await openImageFolder(folder)).length).toBe(1);
  });
});
