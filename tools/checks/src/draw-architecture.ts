/**
 * `npm run architecture [-- --check]`: draws which package may import which, in
 * docs/architecture.md, from the table that `npm run boundaries` enforces. With `--check`, fails
 * if the drawing is stale.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { drawImports, withDrawing, type ImportTable } from './internal/drawing.js';
import { repositoryRoot, workspaces } from './internal/workspace.js';

const file = join(repositoryRoot, 'docs/architecture.md');
const rules = (await import(join(repositoryRoot, '.dependency-cruiser.mjs'))) as { mayImport: ImportTable };
const hidden = workspaces('packages').filter(({ manifest }) => manifest.private);
const page = await readFile(file, 'utf8');
const names = hidden.map(({ folder }) => basename(folder));
const drawn = withDrawing(page, drawImports(rules.mayImport, names));

if (!process.argv.includes('--check')) await writeFile(file, drawn);
else if (drawn !== page) {
  console.error('docs/architecture.md: its drawing is not what the table says. Run npm run architecture.');
  process.exitCode = 1;
} else console.log('The drawing in docs/architecture.md is up to date');
