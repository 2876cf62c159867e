import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, promises as fs } from 'node:fs';
import { hostname, uptime } from 'node:os';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { it, scriptOptions } from '@vitvq/test-utils/node';
import { afterEach, describe, expect, vi } from 'vitest';
import { FolderLock, FolderTakenError, withFolderLock } from '../src/index.js';

let folder: string;
it.beforeEach(({ temporaryFolder }) => void (folder = join(temporaryFolder, 'run')));

afterEach(() => vi.restoreAllMocks());

/** Starts a process that takes the lock and keeps it, and waits until it has it. */
async function startHolder() {
  const program = `
    import { FolderLock } from '@vitvq/files';
    await FolderLock.acquire(${JSON.stringify(folder)});
    console.log('holds it');
    process.stdin.resume().on('end', () => process.exit());`;
  const child = spawn(process.execPath, [...scriptOptions, '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

/** Writes the lock of a process that does not write to the folder any more. */
async function leaveLock(content: object | string): Promise<void> {
  await fs.mkdir(folder, { recursive: true });
  await fs.writeFile(join(folder, '.vitvq-lock-1'), typeof content === 'string' ? content : JSON.stringify(content));
}
const since = new Date().toISOString();

describe('the lock of a folder', () => {
  it('refuses a second run, and says who holds it and what to do', async () => {
    const child = await startHolder();
    const second = FolderLock.acquire(folder);
    await expect(second).rejects.toThrow(DataError);
    await expect(second).rejects.toThrow(
      new RegExp(
        `^.*run: expected a folder that no other run writes to, got one that process ${child.pid} on \\S+ has been ` +
          `writing to since \\d{4}-\\d\\d-\\d\\dT.*Z\\. Wait for that run, end it, or choose another folder\\. ` +
          `If no such process runs, remove .*run/\\.vitvq-lock-1\\.$`,
      ),
    );
    child.stdin.end();
    await once(child, 'exit');
    expect(await fs.readdir(folder)).toEqual([]);
    await (await FolderLock.acquire(folder)).release();
  });

  it('of a process that was killed is taken over, one lock after the other', async () => {
    for (const number of [1, 2]) {
      const child = await startHolder();
      expect(await fs.readdir(folder)).toEqual([`.vitvq-lock-${number}`]);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    const lock = await FolderLock.acquire(folder);
    expect(await fs.readdir(folder)).toEqual(['.vitvq-lock-3']);
    await lock.release();
    expect(await fs.readdir(folder)).toEqual([]);
  });

  it('refuses a second run of the same process, until the first has ended, also by an error', async () => {
    const first = withFolderLock(folder, async () => {
      await expect(FolderLock.acquire(folder)).rejects.toThrow('got one that this process on');
      throw new Error('ended');
    });
    await expect(first).rejects.toThrow('ended');
    expect(await withFolderLock(folder, () => Promise.resolve(5))).toBe(5);
  });

  it.each(['a new', 'a dead'])('is taken by one of many who want %s one at once', async (which) => {
    for (let round = 0; round < 10; round++) {
      await fs.rm(folder, { recursive: true, force: true });
      if (which === 'a dead') await leaveLock({ pid: 2 ** 30, host: hostname(), since, started: null });
      const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => FolderLock.acquire(folder)));
      const taken = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
      expect(taken).toHaveLength(1);
      await taken[0]!.release();
      expect(await fs.readdir(folder)).toEqual([]);
    }
  });

  it.each([
    ['was cut short', ''],
    ['is of a process that ended', { pid: 2 ** 30, host: hostname(), since, started: null }],
    [
      'is of before the last start of the machine',
      { pid: process.pid, host: hostname(), since, started: null, uptime: 1e9 },
    ],
    ['names no process', { pid: 0, host: hostname(), since, started: null }],
  ])('that %s is taken over', async (_, content) => {
    await leaveLock(content);
    await (await FolderLock.acquire(folder)).release();
  });

  it.skipIf(!existsSync('/proc/self/stat'))('is taken over when its number belongs to another process', async () => {
    await leaveLock({ pid: process.pid, host: hostname(), since, started: 'another boot/1' });
    await (await FolderLock.acquire(folder)).release();
  });

  it('counts where the clock of the machine has jumped since, and the system does not tell processes apart', async () => {
    for (const then of ['2001-01-01T00:00:00Z', '2101-01-01T00:00:00Z']) {
      await leaveLock({ pid: process.pid, host: hostname(), since: then, started: null, uptime: uptime() - 1 });
      await expect(FolderLock.acquire(folder)).rejects.toThrow(FolderTakenError);
    }
  });

  it('of another host counts, because nobody can tell', async () => {
    await leaveLock({ pid: 2 ** 30, host: 'elsewhere', since, started: null });
    await expect(FolderLock.acquire(folder)).rejects.toThrow('got one that process 1073741824 on elsewhere has been');
    expect(await fs.readdir(folder)).toEqual(['.vitvq-lock-1']);
  });

  it('is confirmed, and taken anew where it is gone with its folder or without', async () => {
    const lock = await FolderLock.acquire(folder);
    expect(await lock.confirm()).toBe(false);
    await fs.rm(join(folder, '.vitvq-lock-1'));
    expect(await lock.confirm()).toBe(true);
    await fs.rm(folder, { recursive: true });
    expect(await lock.confirm()).toBe(true);
    expect(await lock.confirm()).toBe(false);
    expect(await fs.readdir(folder)).toEqual(['.vitvq-lock-1']);
    await fs.rm(folder, { recursive: true });
    await fs.writeFile(folder, '');
    await expect(lock.confirm()).rejects.toThrow('expected to create the folder, got a file of that name (EEXIST).');
    await fs.rm(folder);
    await lock.release();
  });

  it('that a network hides for a moment is taken anew, and not taken for that of another run', async () => {
    const lock = await FolderLock.acquire(folder);
    vi.spyOn(fs, 'readFile').mockRejectedValueOnce(Object.assign(new Error('gone'), { code: 'ENOENT' }));
    expect(await lock.confirm()).toBe(true);
    expect(await fs.readdir(folder)).toEqual(['.vitvq-lock-2']);
    vi.spyOn(fs, 'readFile').mockRejectedValueOnce(Object.assign(new Error('stale'), { code: 'ESTALE' }));
    await expect(lock.confirm()).rejects.toThrow(
      'expected a lock that can be read, got a folder of a network that is no longer there (ESTALE).',
    );
    expect(await lock.confirm()).toBe(false);
    await lock.release();
    expect(await fs.readdir(folder)).toEqual([]);
  });

  it('that another run has taken is not confirmed, and stays that of the other', async () => {
    const lock = await FolderLock.acquire(folder);
    await fs.rename(folder, `${folder}-elsewhere`);
    const child = await startHolder();
    await expect(lock.confirm()).rejects.toThrow(FolderTakenError);
    await lock.release();
    expect(await fs.readdir(folder)).toEqual(['.vitvq-lock-1']);
    child.stdin.end();
    await once(child, 'exit');
  });

  it('says why a folder cannot be written to', async () => {
    await fs.writeFile(folder, '');
    await expect(FolderLock.acquire(join(folder, 'below'))).rejects.toThrow(
      `${join(folder, 'below')}: expected to create the folder, got a file where a directory should be (ENOTDIR).`,
    );
  });
});
