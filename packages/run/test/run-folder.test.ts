import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, DataError } from '@vitvq/core';
import { FolderLock, FolderTakenError } from '@vitvq/files';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { RunFolder } from '../src/index.js';

const stages = ['first', 'second'] as const;
const settings = { seed: 0 };
const schema = z.strictObject({ value: z.number() });

let path: string;
const lines: string[] = [];
const log = (line: string): void => void lines.push(line);
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), 'vitvq-run-folder-'));
  lines.length = 0;
});
afterEach(async () => {
  await rm(path, { recursive: true, force: true });
});

const give = (value: number) => () => Promise.resolve({ value });

describe('RunFolder', () => {
  it('runs a stage once and keeps what it came to', async () => {
    const before = await RunFolder.open(path, { settings, stages, log });
    const done = await before.stage('second', schema, give(7));
    expect(done.result).toEqual({ value: 7 });
    expect(await readdir(before.of('second'))).toEqual([]);
    await before.close();

    const after = await RunFolder.open(path, { settings, stages, log });
    expect(await after.stage('second', schema, give(8))).toEqual(done);
    expect(lines[0]).toBe('Stage 2 of 2, second');
    expect(lines.at(-1)).toBe('Stage 2 of 2, second: kept from an earlier start');
  });

  it('is made again where it disappears during a stage, and left where another program has taken it', async () => {
    const folder = await RunFolder.open(path, { settings, stages, log });
    await folder.stage('first', schema, async () => {
      await rm(path, { recursive: true });
      return { value: 1 };
    });
    expect(lines).toContain(`  ${path} had been removed, moved or replaced: it was taken anew`);
    expect((await readdir(path)).sort()).toEqual(['.vitvq-lock-1', 'first.json']);
    let other: FolderLock | undefined;
    const taken = folder.stage('second', schema, async () => {
      await rm(path, { recursive: true });
      other = await FolderLock.acquire(path);
      return { value: 2 };
    });
    await expect(taken).rejects.toThrow(FolderTakenError);
    await folder.close();
    expect(await readdir(path)).toEqual(['.vitvq-lock-1']);
    await other!.release();
  });

  it('keeps nothing of a stage that failed', async () => {
    const folder = await RunFolder.open(path, { settings, stages, log });
    await expect(folder.stage('first', schema, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect((await folder.stage('first', schema, give(1))).result).toEqual({ value: 1 });
  });

  it('refuses other settings by name, and deletes with fresh what is its own, once it begins', async () => {
    const folder = await RunFolder.open(path, { settings, stages, log });
    await folder.begin();
    await folder.stage('first', schema, give(1));
    await writeFile(join(path, 'report.html'), '');
    await writeFile(join(path, 'mine.txt'), '');
    await folder.close();
    const changed = { settings: { seed: 1, more: { size: 2 } }, stages, log };
    const refused = RunFolder.open(path, changed);
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(
      'the settings that stage first began with, got other ones: seed is 1, was 0;',
    );
    const other = await RunFolder.open(path, { ...changed, fresh: true, outcome: ['report.html'] });
    expect(await readdir(path)).toEqual(expect.arrayContaining(['first.json', 'report.html']));
    await other.begin();
    await other.close();
    expect((await readdir(path)).sort()).toEqual(['mine.txt', 'settings.json']);
    expect(JSON.parse(await readFile(join(path, 'settings.json'), 'utf8'))).toEqual(changed.settings);
  });

  it('deletes nothing of a folder in which no run has begun', async () => {
    await mkdir(join(path, 'first'));
    await writeFile(join(path, 'first', 'mine.txt'), '');
    const folder = await RunFolder.open(path, { settings, stages, fresh: true });
    await folder.begin();
    await folder.close();
    expect(await readdir(join(path, 'first'))).toEqual(['mine.txt']);
  });

  it('lets the settings of a stage change that has not begun', async () => {
    const settingsOf = (all: Readonly<Record<string, unknown>>, stage: string): unknown =>
      stage === 'first' ? all['seed'] : all;
    const first = await RunFolder.open(path, { settings: { seed: 0, later: 1 }, settingsOf, stages });
    await first.begin();
    await first.stage('first', schema, give(1));
    await first.close();
    const second = await RunFolder.open(path, { settings: { seed: 0, later: 2 }, settingsOf, stages });
    await second.begin();
    await second.stage('second', schema, give(1));
    await second.close();
    await expect(RunFolder.open(path, { settings: { seed: 0, later: 3 }, settingsOf, stages })).rejects.toThrow(
      'stage second began with, got other ones: later is 3, was 2',
    );
  });

  it('is open in one program at a time, and keeps what that has from --fresh of another', async () => {
    const folder = await RunFolder.open(path, { settings, stages, log });
    await folder.stage('first', schema, give(1));
    const second = RunFolder.open(path, { settings, stages, fresh: true });
    await expect(second).rejects.toThrow(DataError);
    await expect(second).rejects.toThrow(`${path}: expected a folder that no other run writes to`);
    expect((await folder.stage('first', schema, give(2))).result).toEqual({ value: 1 });
    await folder.close();
    await (await RunFolder.open(path, { settings, stages, log })).close();
  });

  it('says at once where nothing can be written', async () => {
    await writeFile(join(path, 'file'), '');
    await expect(RunFolder.open(join(path, 'file', 'run'), { settings, stages, log })).rejects.toThrow(
      `${join(path, 'file', 'run')}: expected to create the folder, got a file where a directory should be (ENOTDIR).`,
    );
  });

  it('says which file it cannot read', async () => {
    const folder = await RunFolder.open(path, { settings, stages, log });
    const file = join(path, 'first.json');
    for (const text of ['{ "result"', '{ "result": { "value": "x" }, "seconds": 1 }']) {
      await writeFile(file, text);
      const refused = folder.stage('first', schema, give(1));
      await expect(refused).rejects.toThrow(DataError);
      await expect(refused).rejects.toThrow(`${file}: expected what this program wrote`);
    }
  });
});
