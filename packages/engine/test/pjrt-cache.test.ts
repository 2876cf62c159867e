import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExecutableCache } from '../src/pjrt/executable-cache.js';

let root: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vitvq-cache-'));
  folder = join(root, 'pjrt');
});
afterEach(() => rmSync(root, { recursive: true }));

const [a, b, c] = ['a', 'b', 'c'].map((name) => ExecutableCache.key([name])) as [string, string, string];
const bytes = (value: number): Uint8Array => new Uint8Array(100).fill(value);
const fileOf = (key: string): string => join(folder, `${key}.pjrt`);

describe('the cache of compiled programs', () => {
  it('returns what was stored, in a folder that is closed to others', () => {
    const cache = new ExecutableCache(folder, 10_000);
    expect(cache.read(a)).toBeUndefined();
    cache.write(a, bytes(1));
    expect(new Uint8Array(cache.read(a)!)).toEqual(bytes(1));
    expect(cache.read(b)).toBeUndefined();
    expect(readdirSync(folder)).toEqual([`${a}.pjrt`]);
    expect(statSync(folder).mode & 0o77).toBe(0);
  });

  it('tells lists of the same characters apart', () => {
    expect(ExecutableCache.key(['ab', 'c'])).not.toBe(ExecutableCache.key(['a', 'bc']));
  });

  it.each([
    ['a byte that is another', (content: Buffer) => content.fill(9, 50, 51)],
    ['the end cut off', (content: Buffer) => content.subarray(0, 90)],
    ['nothing in it', () => Buffer.alloc(0)],
  ])('passes over a file with %s', (_, damage) => {
    const cache = new ExecutableCache(folder, 10_000);
    cache.write(a, bytes(1));
    writeFileSync(fileOf(a), damage(readFileSync(fileOf(a))));
    expect(cache.read(a)).toBeUndefined();
    cache.write(a, bytes(2));
    expect(new Uint8Array(cache.read(a)!)).toEqual(bytes(2));
  });

  it('passes over a file under the name of another', () => {
    const cache = new ExecutableCache(folder, 10_000);
    cache.write(a, bytes(1));
    writeFileSync(fileOf(b), readFileSync(fileOf(a)));
    expect(cache.read(b)).toBeUndefined();
  });

  it('removes what was used least recently when it is full, and what is too large for it', () => {
    const cache = new ExecutableCache(folder, 300); // two files of 132 bytes
    for (const [age, key] of [
      [3, a],
      [2, b],
    ] as const) {
      cache.write(key, bytes(1));
      const then = new Date(Date.now() - age * 60_000);
      utimesSync(fileOf(key), then, then);
    }
    expect(cache.read(a)).toBeDefined(); // used again
    cache.write(c, bytes(3));
    expect([cache.read(a), cache.read(b), cache.read(c)].map((found) => found !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
    cache.write(b, new Uint8Array(1000));
    expect(cache.read(b)).toBeUndefined();
    expect(cache.read(a)).toBeDefined();
  });

  it('costs nothing where the folder cannot be written', () => {
    writeFileSync(folder, 'a file');
    const cache = new ExecutableCache(folder, 10_000);
    cache.write(a, bytes(1));
    expect(cache.read(a)).toBeUndefined();
  });
});
