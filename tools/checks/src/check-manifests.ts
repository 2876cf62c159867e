/**
 * `npm run check-manifests [-- --write]`: every package.json has the same shape and order of
 * fields, and what npm shows of a package is complete. With `--write`, puts in order what can be.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { canonicalManifest, manifestProblems, type ManifestJson, type WorkspaceKind } from './internal/manifest.js';
import { repositoryRoot, workspaces } from './internal/workspace.js';

const write = process.argv.includes('--write');
const kinds: readonly WorkspaceKind[] = ['packages', 'examples', 'tools'];
const all = kinds.flatMap((kind) => workspaces(kind).map(({ folder }) => ({ kind, folder })));

let problems = 0;
for (const { kind, folder } of all) {
  const file = join(folder, 'package.json');
  const text = await readFile(file, 'utf8');
  const manifest = JSON.parse(text) as ManifestJson;
  const wanted = `${JSON.stringify(canonicalManifest(kind, basename(folder), manifest), null, 2)}\n`;
  const found = manifestProblems(manifest);
  if (text !== wanted && write) await writeFile(file, wanted);
  else if (text !== wanted) found.push('shape or order differ. Run npm run check-manifests -- --write.');
  for (const problem of found) console.error(`${relative(repositoryRoot, file)}: ${problem}`);
  problems += found.length;
}
console.log(problems ? `${problems} problems in package.json files` : `${all.length} package.json files are in order`);
process.exitCode = problems ? 1 : 0;
