import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '@vitvq/core';
import { it } from '@vitvq/test-utils/node';
import { describe, expect } from 'vitest';
import { readLines, type Line } from '../src/index.js';

async function linesOf(file: string, maximumBytes?: number): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(file, 'a log', maximumBytes)) lines.push(line);
  return lines;
}

describe('readLines', () => {
  it('numbers lines and tells a last one that was cut short', async ({ temporaryFolder }) => {
    const file = join(temporaryFolder, 'log');
    await fs.writeFile(file, 'ä\n\nthree');
    expect(await linesOf(file)).toEqual([
      { number: 1, text: 'ä', isEnded: true },
      { number: 2, text: '', isEnded: true },
      { number: 3, text: 'three', isEnded: false },
    ]);
    await fs.writeFile(file, '');
    expect(await linesOf(file)).toEqual([]);
  });

  it('puts lines together that lie in several pieces, and passes over what is too long', async ({
    temporaryFolder,
  }) => {
    const file = join(temporaryFolder, 'log');
    const lengths = [2 ** 20 - 3, 700_000, 5_000_000, 0, 2 ** 20, 2 ** 20 + 1, 4];
    await fs.writeFile(file, lengths.map((length) => `${'é'.repeat(length / 2)}${length % 2 ? 'x' : ''}\n`).join(''));
    const lines = await linesOf(file);
    expect(lines.map(({ text }) => text && Buffer.byteLength(text))).toEqual([
      2 ** 20 - 3,
      700_000,
      undefined,
      '',
      2 ** 20,
      undefined,
      4,
    ]);
    expect(lines.every(({ text }) => !text?.includes('\ufffd'))).toBe(true);
  });

  it('reads a file that no string could hold', async ({ temporaryFolder }) => {
    const file = join(temporaryFolder, 'log');
    await fs.writeFile(file, 'first\n');
    await fs.truncate(file, 600 * 2 ** 20); // a hole, which takes no room
    await fs.appendFile(file, '\nlast\n');
    expect(await linesOf(file)).toEqual([
      { number: 1, text: 'first', isEnded: true },
      { number: 2, text: undefined, isEnded: true },
      { number: 3, text: 'last', isEnded: true },
    ]);
  });

  it('names a file that cannot be read', async ({ temporaryFolder }) => {
    await expect(linesOf(join(temporaryFolder, 'none'))).rejects.toThrow(DataError);
    await expect(linesOf(temporaryFolder)).rejects.toThrow('expected a log that can be read, got a directory');
  });
});
