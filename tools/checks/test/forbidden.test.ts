import { expect, test } from 'vitest';
import { findForbidden } from '../src/internal/forbidden.js';

test.each([
  ["cacheDirectory: '/home/somebody/cache'", 'an absolute path of some machine'],
  ['see /work/project/README.md', 'an absolute path of some machine'],
  ['C:\\Users\\me', 'an absolute path of some machine'],
  ['"resolved": "https://example.org/a.tgz",', 'a lock file entry bound to one registry'],
  [`fetch("https://registry.${'npmjs'}.org/a")`, 'the address of a package registry'],
  [`token=npm_${'a'.repeat(36)}`, 'a credential'],
])('finds %s', (text, reason) => {
  expect(findForbidden(`first line\n${text}\n`)).toMatchObject([{ line: 2, reason }]);
});

test.each([
  'https://www.npmjs.com/package/vitvq',
  'import x from "../root/x.js"',
  'packages/work/src',
  '`${here}/tmp/x`',
  '"resolved": "packages/core"',
])('leaves %s alone', (text) => {
  expect(findForbidden(text)).toEqual([]);
});
