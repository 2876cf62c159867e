import { promises as fs } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { it, killAfter } from '@vitvq/test-utils/node';
import { afterEach, describe, expect, vi } from 'vitest';
import { finishReplacement, replaceFiles } from '../src/index.js';

let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = join(temporaryFolder, 'model')));
afterEach(() => vi.restoreAllMocks());

const isReplaced = (name: string): boolean => /^[abc]$/.test(name);

const replace = (content: Readonly<Record<string, string>>): Promise<void> =>
  replaceFiles(folder, {
    isReplaced,
    write: async (staging) => {
      for (const [name, text] of Object.entries(content)) await fs.writeFile(join(staging, name), text);
      return Object.keys(content);
    },
  });

async function contents(): Promise<Record<string, string>> {
  const names = (await fs.readdir(folder)).filter((name) => !name.endsWith('.tmp')).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await fs.readFile(join(folder, name), 'utf8')] as const)),
  );
}

describe('replaceFiles', () => {
  it('replaces files as one and keeps those of other names', async () => {
    await replace({ a: 'one', b: 'one' });
    await fs.writeFile(join(folder, 'mine'), 'mine');
    await replace({ a: 'two', c: 'two' });
    expect(await contents()).toEqual({ a: 'two', c: 'two', mine: 'mine' });
    expect(await fs.readdir(folder)).toHaveLength(3);
  });

  it('leaves the old files or the new ones, wherever it is killed', async () => {
    const before = { a: 'one', b: 'one', mine: 'mine' };
    const after = { a: 'two', c: 'two', mine: 'mine' };
    const found = { before: 0, after: 0 };
    for (let changes = 0; ; changes++) {
      await fs.rm(folder, { recursive: true, force: true });
      await replace({ a: 'one', b: 'one' });
      await fs.writeFile(join(folder, 'mine'), 'mine');
      killAfter(changes);
      const isWhole = await replace({ a: 'two', c: 'two' }).then(
        () => true,
        () => false,
      );
      vi.restoreAllMocks();
      await finishReplacement(folder, isReplaced);
      const content = await contents();
      expect([before, after]).toContainEqual(content);
      found['b' in content ? 'before' : 'after']++;
      await replace({ a: 'three' });
      expect(await contents()).toEqual({ a: 'three', mine: 'mine' });
      if (isWhole) break;
    }
    expect(found.before).toBeGreaterThan(5);
    expect(found.after).toBeGreaterThan(5);
  });

  it('removes at once what a process that ended left half written, and nothing of one that runs', async () => {
    await replace({ a: 'one' });
    const leave = async (name: string, holder: object): Promise<void> => {
      await fs.mkdir(join(folder, name));
      await fs.writeFile(join(folder, name, '.holder.json'), JSON.stringify(holder));
    };
    const since = new Date().toISOString();
    await leave('.replacement.0123456789ab.tmp', { pid: 2 ** 30, host: hostname(), since, started: null });
    await leave('.replacement.ba9876543210.tmp', { pid: process.pid, host: hostname(), since, started: null });
    await replace({ a: 'two' });
    expect((await fs.readdir(folder)).sort()).toEqual(['.replacement.ba9876543210.tmp', 'a']);
  });

  it('is finished by several at once', async () => {
    await replace({ a: 'one', b: 'one' });
    for (let changes = 0; (await fs.readdir(folder)).every((name) => !name.endsWith('.ready')); changes++) {
      killAfter(changes);
      await replace({ a: 'two', c: 'two' }).catch(() => undefined);
      vi.restoreAllMocks();
    }
    await Promise.all(Array.from({ length: 5 }, () => finishReplacement(folder, isReplaced)));
    expect(await contents()).toEqual({ a: 'two', c: 'two' });
  });

  it('changes nothing when writing fails, and names the file in its place', async () => {
    await replace({ a: 'one' });
    const failing = replaceFiles(folder, {
      isReplaced,
      write: (staging) =>
        Promise.reject(new DataError({ where: join(staging, 'a'), expected: 'to write the file', got: 'no room' })),
    });
    await expect(failing).rejects.toThrow(`${join(folder, 'a')}: expected to write the file, got no room.`);
    expect(await contents()).toEqual({ a: 'one' });
    expect(await fs.readdir(folder)).toEqual(['a']);
  });
});

describe('finishReplacement', () => {
  it('does nothing where there is nothing to finish', async () => {
    await finishReplacement(folder, isReplaced);
    await replace({ a: 'one' });
    await finishReplacement(folder, isReplaced);
    expect(await contents()).toEqual({ a: 'one' });
  });

  it.each([
    ['../secret', { files: [], obsolete: ['../secret'] }],
    ['..', { files: ['..'], obsolete: [] }],
    ['mine', { files: ['mine'], obsolete: [] }],
  ])('refuses a list of files that names %s', async (name, journal) => {
    await replace({ a: 'one' });
    const [mine, secret] = [join(folder, 'mine'), join(folder, '..', 'secret')];
    for (const file of [mine, secret]) await fs.writeFile(file, 'kept');
    const ready = join(folder, '.replacement.0123456789ab.ready');
    await fs.mkdir(ready);
    await fs.writeFile(join(ready, '.journal.json'), JSON.stringify(journal));
    // Names of other folders are refused whatever belongs to what is replaced.
    const finishing = finishReplacement(folder, name === 'mine' ? isReplaced : () => true);
    await expect(finishing).rejects.toThrow(`expected a list of files that are replaced, got "${name}".`);
    for (const file of [mine, secret]) expect(await fs.readFile(file, 'utf8')).toBe('kept');
  });

  it('refuses files outside the folder', async () => {
    await replace({ a: 'one' });
    const elsewhere = join(folder, '..', 'elsewhere');
    await fs.mkdir(elsewhere);
    await fs.writeFile(join(elsewhere, '.journal.json'), JSON.stringify({ files: ['b'], obsolete: [] }));
    await fs.symlink(elsewhere, join(folder, '.replacement.0123456789ab.ready'));
    await expect(finishReplacement(folder, isReplaced)).rejects.toThrow('got one outside the folder.');
  });
});
