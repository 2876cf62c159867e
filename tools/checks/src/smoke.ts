/**
 * `npm run smoke [-- name ...]`: every example runs with `--smoke` (a step or two on synthetic data, writing to `--out`),
 * in each of its recipes, and ends well.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { runTypeScript } from './internal/run.js';
import { repositoryRoot, workspaces } from './internal/workspace.js';

/** Of examples with several recipes, the options of each. */
const recipes: Readonly<Record<string, readonly (readonly string[])[]>> = { pipeline: [[], ['--model', 'rq']] };

const wanted = process.argv.slice(2);
const examples = workspaces('examples').filter(({ folder }) => !wanted.length || wanted.includes(basename(folder)));
if (!examples.length) throw new Error(`smoke: expected the name of an example, got ${wanted.join(' ') || 'none'}.`);

let failed = 0;
for (const { folder } of examples) {
  for (const recipe of recipes[basename(folder)] ?? [[]]) await runSmoke(folder, recipe);
}
process.exitCode = failed ? 1 : 0;

async function runSmoke(folder: string, recipe: readonly string[]): Promise<void> {
  const started = performance.now();
  const out = await mkdtemp(join(tmpdir(), 'vitvq-smoke-'));
  const argv = ['--smoke', ...recipe, '--out', out];
  const { code, stdout, stderr } = await runTypeScript(join(folder, 'src/main.ts'), argv, { cwd: repositoryRoot });
  await rm(out, { recursive: true, force: true });
  const name = [basename(folder), ...recipe].join(' ');
  console.log(`${code === 0 ? '✓' : '✗'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  if (code !== 0) {
    failed++;
    console.error(stdout + stderr);
  }
}
