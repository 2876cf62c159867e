/**
 * `npm run check-tensorflow`: installs the engine `tensorflow` into an empty cache folder with
 * `vitvq engine install`, runs the tests that need it, and trains both stages on it. The first
 * steps of the quickstart are those of ONNX Runtime.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CheckError, must, run, runTypeScript } from './internal/run.js';
import { repositoryRoot } from './internal/workspace.js';

/**
 * Largest relative difference of a loss to the one on ONNX Runtime. Both round in their own order,
 * and each step starts from the weights of the one before.
 */
const tolerance = 1e-4;

const folder = await mkdtemp(join(tmpdir(), 'vitvq-tensorflow-'));
const env = { ...process.env, VITVQ_CACHE: join(folder, 'cache'), VITVQ_TEST_ENGINE: 'tensorflow' };

/** Runs one of our programs, and says how long it took. */
async function program(file: string, ...args: string[]): Promise<string> {
  const options = { cwd: repositoryRoot, env };
  return timed([file, ...args].join(' '), () => runTypeScript(join(repositoryRoot, file), args, options));
}

/** Runs tests of a workspace. */
async function tests(workspace: string, ...args: string[]): Promise<void> {
  const vitest = join(repositoryRoot, 'node_modules/vitest/vitest.mjs');
  const options = { cwd: join(repositoryRoot, workspace), env };
  await timed([workspace, ...args].join(' '), () => run(process.execPath, [vitest, 'run', ...args], options));
}

async function timed(what: string, work: () => ReturnType<typeof run>): Promise<string> {
  const started = performance.now();
  const output = must(what, await work());
  console.log(`✓ ${what.replaceAll(folder, '')} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  return output;
}

/** Trains the quickstart for a few steps; returns the losses by step. */
async function losses(engine: string): Promise<number[]> {
  const out = join(folder, engine);
  await program('examples/quickstart/src/main.ts', '--smoke', '--engine', engine, '--out', out);
  const lines = (await readFile(join(out, 'training', 'metrics.jsonl'), 'utf8')).trim().split('\n');
  return lines
    .map((line) => JSON.parse(line) as { event: string; loss: number })
    .filter(({ event }) => event === 'step')
    .map(({ loss }) => loss);
}

try {
  console.log(await program('packages/cli/src/main.ts', 'engine', 'install', 'tensorflow', '--yes'));
  await tests('packages/engine', 'test/tensorflow.test.ts');
  const [expected, got] = [await losses('onnx'), await losses('tensorflow')];
  console.log(`losses on onnx: ${expected.join(' ')}\nlosses on tensorflow: ${got.join(' ')}`);
  const differs = expected.some((loss, step) => !(Math.abs(got[step]! - loss) <= tolerance * Math.abs(loss)));
  if (expected.length === 0 || differs) throw new CheckError('the losses differ');
  await tests('examples/quickstart', 'test/quickstart.test.ts', '-t', 'Ctrl-C');
  await tests('examples/pipeline', 'test/pipeline.test.ts', '-t', 'goes on after a kill');
} catch (error) {
  if (!(error instanceof CheckError)) throw error;
  console.error(error.message.trimEnd());
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
