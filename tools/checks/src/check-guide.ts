/**
 * `npm run check-guide`: every command of the page "From a folder of photos to a generator" runs,
 * one after the other, in an empty folder, with `npx vitvq` as the command of this repository.
 * Blocks marked `console` are read, not run.
 */
import { mkdtemp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { CheckError, must, programOptions, run } from './internal/run.js';
import { repositoryRoot } from './internal/workspace.js';

const page = 'docs/guides/from-photos-to-a-generator.md';

/** What the commands must leave, below the folder in which they ran. */
const expected = [
  'photos/cat',
  'runs/photos/report.html',
  'runs/photos/metrics.json',
  'reconstructions/comparison.png',
  'samples/grid.png',
  'cats/samples.json',
  'cards',
  'codes',
  'onnx/vitvq.json',
  'hub/transformer/README.md',
];

const text = await readFile(join(repositoryRoot, page), 'utf8');
const commands = [...text.matchAll(/^```sh\n(.*?)^```/gms)].flatMap(([, block]) => block!.trim().split('\n'));
if (commands.length < 8) throw new CheckError(`${page}: expected its commands, found ${commands.length}`);

const folder = await mkdtemp(join(tmpdir(), 'vitvq-guide-'));
try {
  // `npx` looks into node_modules/.bin first, and the shell needs no network for it.
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const main = join(repositoryRoot, 'packages/cli/src/main.ts');
  const words = [process.execPath, ...programOptions, main].map((word) => `"${word}"`).join(' ');
  const script = `#!/bin/sh\nshift\nexec ${words} "$@"\n`;
  await writeFile(join(bin, 'npx'), script, { mode: 0o755 });
  const work = join(folder, 'work');
  await mkdir(work);
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH']}` };
  for (const command of commands) {
    const started = performance.now();
    must(command, await run('sh', ['-c', command], { cwd: work, env, timeoutSeconds: 300 }));
    console.log(`${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${command}`);
  }
  for (const name of expected) {
    const found = await stat(join(work, name)).catch(() => undefined);
    const isEmpty = found?.isDirectory() ? (await readdir(join(work, name))).length === 0 : found?.size === 0;
    if (found === undefined || isEmpty) throw new CheckError(`${page}: nothing in ${name} after its commands`);
  }
  console.log(`All ${commands.length} commands of ${page} ran`);
} catch (error) {
  if (!(error instanceof CheckError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
