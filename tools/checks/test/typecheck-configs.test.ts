import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { repositoryRoot, workspaces } from '../src/internal/workspace.js';

it('types of every package for browsers are checked without those of Node', async () => {
  const text = await readFile(join(repositoryRoot, 'tsconfig.all-neutral.json'), 'utf8');
  const listed = [...text.matchAll(/"packages\/([a-z0-9-]+)\/src"/g)].map(([, name]) => name);
  const neutral = workspaces('packages').flatMap(({ folder }) =>
    existsSync(join(folder, 'tsconfig.neutral.json')) ? [folder.split(/[\\/]/).at(-1)] : [],
  );
  expect(neutral.length).toBeGreaterThan(5);
  expect(listed.sort()).toEqual(neutral.sort());
});
