import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { it } from '../src/node/index.js';

const folders: string[] = [];
let inHook = '';

it.beforeEach(({ temporaryFolder }) => void (inHook = temporaryFolder));
afterAll(() => expect(folders.filter((folder) => existsSync(folder))).toEqual([]));

it.each([1, 2])('hooks and test %i share one empty folder', () => {
  expect(readdirSync(inHook)).toEqual([]);
  writeFileSync(join(inHook, 'file'), '');
  folders.push(inHook);
  expect(new Set(folders).size).toBe(folders.length);
});

it('a test has the folder of its hooks', ({ temporaryFolder }) => {
  expect(temporaryFolder).toBe(inHook);
  expect(folders).toHaveLength(2);
  expect(folders).not.toContain(temporaryFolder);
});
