import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { openDataSource, openImageFolder, subset, type SkippedImage } from '../src/index.js';
import { folderOf, plain, temporaryFolder } from './images.js';

const png = await plain(8, 8, '#ff0000').png().toBuffer();
const quiet = { onSkip: (): void => undefined };

/** Opens a folder and returns the warnings that it emits. */
async function warningsOf(path: string): Promise<string[]> {
  const seen: string[] = [];
  const listen = ({ message }: Error): number => seen.push(message);
  process.on('warning', listen);
  await openImageFolder(path, quiet);
  // Warnings are emitted at the next tick.
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  return seen.filter((message) => message.startsWith(path));
}

describe('classes of a folder', () => {
  it('keep their labels however many folders are there', async () => {
    const path = await folderOf({
      'cow/1.png': png,
      'ant/1.png': png,
      'dog/1.png': png,
      'dog/2.png': png,
      'x.png': png,
    });
    const seen: SkippedImage[] = [];
    const folder = await openImageFolder(path, {
      classes: ['ant', 'bee', 'cow'],
      onSkip: (image) => seen.push(image),
    });
    expect(folder.classNames).toEqual(['ant', 'bee', 'cow']);
    expect(folder.files).toEqual(['ant/1.png', 'cow/1.png']);
    expect([...folder.labels]).toEqual([0, 2]);
    expect(seen).toEqual([
      { name: 'dog', reason: 'the class is not in the list of classes, so its 2 images cannot be used' },
      { name: 'x.png', reason: 'it lies outside of the class folders' },
    ]);
    await expect(openImageFolder(path, { classes: ['ant'], strict: true })).rejects.toThrow('dog (the class is not');
  });

  it('come from a list in the config or in a file', async () => {
    const path = await folderOf({ 'a/1.png': png, 'c/1.png': png, 'classes.txt': 'a\r\nb\n\nc\n' });
    for (const classes of [['a', 'b', 'c'], 'classes.txt']) {
      const source = await openDataSource({ kind: 'folder', path: '.', classes }, { baseDirectory: path, ...quiet });
      expect(source.classNames).toEqual(['a', 'b', 'c']);
      expect([...source.labels]).toEqual([0, 2]);
    }
    const empty = await folderOf({ 'a/1.png': png, 'classes.txt': '\n' });
    await expect(openDataSource({ kind: 'folder', path: empty, classes: join(empty, 'classes.txt') })).rejects.toThrow(
      'expected a list of classes, with one entry a line, got an empty text',
    );
  });

  it('are refused when one is named twice, or none', async () => {
    const path = await folderOf({ 'a/1.png': png });
    await expect(openImageFolder(path, { classes: ['a', 'a'] })).rejects.toThrow('each of them once, got "a" twice');
    await expect(openImageFolder(path, { classes: [] })).rejects.toBeInstanceOf(ConfigError);
  });

  it('are told where labels move: a folder without images before others, pictures beside folders', async () => {
    const gap = await folderOf({ 'ant/1.png': png, 'bee/1.txt': '', 'cow/1.png': png });
    expect(await warningsOf(gap)).toEqual([expect.stringContaining('no usable image in bee, so the classes behind')]);
    const outside = await folderOf({ 'ant/1.png': png, 'x.png': png });
    expect(await warningsOf(outside)).toEqual([
      expect.stringContaining('1 image beside the class folders (the first is x.png) became the class "."'),
    ]);
    const fine = await folderOf({ 'ant/1.png': png, 'cow/1.png': png, 'notes/1.txt': '' });
    expect(await warningsOf(fine)).toEqual([]);
    expect(await warningsOf(await folderOf({ 'x.png': png, 'a/1.txt': '' }))).toEqual([]);
  });
});

describe('links in a folder', () => {
  it('are followed on request, out of the folder and to folders, never in a circle', async () => {
    const outside = await folderOf({ 'far/away.png': png, 'one.png': png });
    const path = await folderOf({ 'a/1.png': png });
    await symlink(join(outside, 'far'), join(path, 'far'));
    await symlink(join(outside, 'one.png'), join(path, 'a/one.png'));
    await symlink(path, join(path, 'a/up'));
    await symlink(path, join(outside, 'far/back'));
    await symlink('nowhere', join(path, 'a/lost.png'));
    const folder = await openImageFolder(path, { followLinks: true, ...quiet });
    expect(folder.files).toEqual(['a/1.png', 'a/one.png', 'far/away.png']);
    expect(folder.classNames).toEqual(['a', 'far']);
    expect(folder.skipped).toEqual([
      { name: 'a/lost.png', reason: 'it is a link to nothing' },
      { name: 'a/up', reason: 'it is a link to a folder that holds it' },
      { name: 'far/back', reason: 'it is a link to a folder that holds it' },
    ]);
    expect((await openImageFolder(path, quiet)).files).toEqual(['a/1.png']);
  });
});

describe('captions of a folder', () => {
  it('lie beside the images, one a line, and stay with them in subsets', async () => {
    const path = await folderOf({
      'a.png': png,
      'a.txt': ' a red square \n',
      'b.jpeg.png': png,
      'b.jpeg.txt': 'one\n\ntwo\n',
      'c.png': png,
      'd.png': png,
      'd.txt': ' \n',
    });
    const said: string[] = [];
    const onProgress = (line: string): void => void said.push(line);
    const source = await openDataSource({ kind: 'folder', path, captions: true }, { ...quiet, onProgress });
    expect(source.captions).toEqual(['a red square', ['one', 'two']]);
    // Three texts are there, and two are captions of images.
    expect(said).toEqual([`${path}: not read: 1 .txt`]);
    expect(source.skipped).toEqual([
      { name: 'c.png', reason: expect.stringContaining('its caption cannot be read: ') as string },
      { name: 'd.png', reason: 'its caption is empty' },
    ]);
    expect(subset(source, [1]).captions).toEqual([['one', 'two']]);
    expect((await openImageFolder(path)).captions).toBeUndefined();
    await expect(openDataSource({ kind: 'folder', path, captions: true, strict: true })).rejects.toThrow('c.png');
  });

  it('count for the identity', async () => {
    const identityOf = async (caption: string): Promise<string> =>
      (await openImageFolder(await folderOf({ 'a.png': png, 'a.txt': caption }), { captions: true })).identity;
    expect(await identityOf('one')).toBe(await identityOf('one'));
    expect(await identityOf('one')).not.toBe(await identityOf('two'));
  });

  it('are not longer than a text may be', async () => {
    const path = await folderOf({ 'a.png': png, 'a.txt': 'x'.repeat(70_000) });
    await expect(openImageFolder(path, { captions: true })).rejects.toThrow('its caption cannot be read: 70000');
    await expect(openImageFolder(await temporaryFolder(), { captions: true })).rejects.toThrow('an empty folder');
  });
});
