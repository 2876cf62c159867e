/**
 * `node … tools/checks/src/pack.ts NAME`: packs a built package into `.packed/NAME.tgz`. It is
 * the Nx target `pack`, from which the checks of what users get start.
 */
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { must, run } from './internal/run.js';
import { packageNamed, packedFolder, repositoryRoot, tarballOf } from './internal/workspace.js';

const workspace = packageNamed(process.argv[2]);
const { name } = workspace.manifest;
const tarball = tarballOf(workspace);
const destination = `${tarball}.new`;
await mkdir(packedFolder, { recursive: true });
await mkdir(destination, { recursive: true });
try {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', destination, '-w', name];
  const answer = JSON.parse(must('npm pack', await run('npm', args, { cwd: repositoryRoot }))) as object;
  const [{ filename, size }] = Object.values(answer) as [{ filename: string; size: number }];
  await rename(join(destination, filename), tarball);
  console.log(`${name}: ${(size / 1024).toFixed(0)} kB packed`);
} finally {
  await rm(destination, { recursive: true, force: true });
}
