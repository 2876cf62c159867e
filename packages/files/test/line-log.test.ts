import { spawnSync } from 'node:child_process';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataError } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { AppendOnlyFile, LineLog } from '../src/index.js';

let folder: string;
let file: string;
it.beforeEach(({ temporaryFolder }) => {
  folder = temporaryFolder;
  file = join(folder, 'log');
});

const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, index) => `line ${from + index} ${'x'.repeat(90)}\n`).join('');

const source = fileURLToPath(new URL('../src/index.ts', import.meta.url));
/** Raises the limit of a running process; part of util-linux, as `ulimit` of bash sets it. */
const canRaiseLimits = spawnSync('prlimit', ['--version']).status === 0;

describe('a log', () => {
  it('holds lines in order, many at once and one by one', async () => {
    const log = new LineLog(await AppendOnlyFile.create(file), {
      onError: ({ message }) => expect.unreachable(message),
    });
    for (let line = 0; line < 1000; line++) {
      log.write(`line ${line} ${'x'.repeat(90)}`);
      if (line % 300 === 0) void log.flush();
    }
    await log.close();
    expect(await fs.readFile(file, 'utf8')).toBe(numbered(0, 1000));
  });

  it.skipIf(!canRaiseLimits)('on a disk that is full for a while loses no line and glues none together', async () => {
    // 8 KiB fit: the write that comes to the limit is a short one, and the next fails.
    const program = `
      import { spawnSync } from 'node:child_process';
      import { readFileSync } from 'node:fs';
      import { AppendOnlyFile, LineLog } from ${JSON.stringify(source)};
      const file = ${JSON.stringify(file)};
      const errors = [];
      const log = new LineLog(await AppendOnlyFile.create(file), { onError: ({ message }) => errors.push(message) });
      const write = async (from, to) => {
        for (let line = from; line < to; line++) {
          log.write('line ' + line + ' ' + 'x'.repeat(90));
          if (line % 5 === 4) await log.flush();
        }
      };
      await write(0, 300);
      const during = readFileSync(file, 'utf8');
      spawnSync('prlimit', ['--pid', String(process.pid), '--fsize=1000000:']);
      await write(300, 400);
      await log.close();
      console.log(JSON.stringify({ during, errors }));`;
    const { stdout, stderr } = spawnSync(
      'bash',
      [
        '-c',
        'ulimit -S -f 8; exec "$0" --import tsx --conditions=@vitvq/source --input-type=module -e "$1"',
        process.execPath,
        program,
      ],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    const { during, errors } = JSON.parse(stdout) as { during: string; errors: string[] };
    const whole = during.split('\n').length - 1;
    expect(whole).toBeGreaterThan(10);
    expect(whole).toBeLessThan(300);
    expect(during).toBe(numbered(0, whole));
    expect(errors).toEqual([
      `${file}: expected to append to the file, got the file would be larger than the system allows (EFBIG).`,
    ]);
    expect(await fs.readFile(file, 'utf8')).toBe(numbered(0, 400));
  });

  it('keeps what waits within bounds and says how many lines are lost', async () => {
    const errors: DataError[] = [];
    const log = new LineLog(await AppendOnlyFile.create(file), {
      onError: (error) => void errors.push(error),
      maximumPendingBytes: 25,
    });
    await fs.rm(file);
    await fs.mkdir(file);
    for (let line = 0; line < 5; line++) log.write(`line ${line}...`);
    await log.flush();
    await log.flush();
    expect(errors.map(({ got }) => got)).toEqual(['a directory (EISDIR)']);
    await fs.rmdir(file);
    await log.flush();
    log.write('last');
    await log.close();
    expect(errors.map(({ got }) => got).slice(1)).toEqual(['no room for 3 lines, which are lost']);
    expect(await fs.readFile(file, 'utf8')).toBe('line 0...\nline 1...\nlast\n');
  });

  it('that never could be written says at its end how many lines are lost', async () => {
    const errors: string[] = [];
    const log = new LineLog(await AppendOnlyFile.create(file), { onError: ({ got }) => void errors.push(got) });
    await fs.rm(file);
    await fs.mkdir(file);
    for (let line = 0; line < 100; line++) log.write('line');
    await log.close();
    expect(errors).toEqual(['a directory (EISDIR)', 'no room for 100 lines, which are lost']);
  });
});

describe('a file that is appended to', () => {
  it('loses what a failed attempt left, and comes back when it was removed', async () => {
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const appended = await AppendOnlyFile.create(file);
    await appended.append(bytes('one\n'));
    await fs.appendFile(file, 'a half that could not be cut off');
    await appended.append(bytes('two\n'));
    expect(await fs.readFile(file, 'utf8')).toBe('one\ntwo\n');
    await fs.rm(file);
    await appended.append(bytes('three\n'));
    await appended.sync();
    expect(await fs.readFile(file, 'utf8')).toBe('three\n');
    const again = await AppendOnlyFile.open(file);
    await again.append(bytes('four\n'));
    expect(await fs.readFile(file, 'utf8')).toBe('three\nfour\n');
  });

  it('is created once, and must be there to go on with', async () => {
    await AppendOnlyFile.create(file);
    await expect(AppendOnlyFile.create(file)).rejects.toThrow(
      `${file}: expected to create the file, got a file of that name (EEXIST)`,
    );
    await expect(AppendOnlyFile.open(join(folder, 'none'))).rejects.toThrow('expected a file to append to');
  });
});
