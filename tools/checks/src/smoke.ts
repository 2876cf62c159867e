/**
 * `npm run smoke`, or `nx smoke @vitvq/example-NAME`: an example runs with `--smoke` (a step or
 * two on synthetic data, writing to `--out`), in each of its recipes, and ends well.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { runTypeScript } from './internal/run.js';
import { repositoryRoot, workspaces } from './internal/workspace.js';

/** The options of each recipe, of examples with several. */
const recipes: Readonly<Record<string, readonly (readonly string[])[]>> = { pipeline: [[], ['--model', 'rq']] };

const name = process.argv[2];
const example = workspaces('examples').find(({ folder }) => basename(folder) === name);
if (!example) throw new Error(`smoke: expected the name of an example, got ${name ?? 'none'}.`);

for (const recipe of recipes[basename(example.folder)] ?? [[]]) await runSmoke(example.folder, recipe);

async function runSmoke(folder: string, recipe: readonly string[]): Promise<void> {
  const started = performance.now();
  const out = await mkdtemp(join(tmpdir(), 'vitvq-smoke-'));
  const argv = ['--smoke', ...recipe, '--out', out];
  const { code, stdout, stderr } = await runTypeScript(join(folder, 'src/main.ts'), argv, { cwd: repositoryRoot });
  await rm(out, { recursive: true, force: true });
  const title = [basename(folder), ...recipe].join(' ');
  console.log(`${code === 0 ? '✓' : '✗'} ${title} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  if (code === 0) return;
  process.exitCode = 1;
  console.error(stdout + stderr);
}
