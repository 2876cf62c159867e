import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { must, run } from './run.js';
import { readManifest, repositoryRoot, tarballOf, type Workspace } from './workspace.js';

/**
 * Installs packed packages and `extra` ones of the registry (by default, TensorFlow.js) in a
 * folder that is empty, as a project of somebody else would.
 */
export async function installTarballs(
  folder: string,
  packages: readonly Workspace[],
  extra: readonly string[] = [tensorflow()],
): Promise<void> {
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  // As the READMEs say: the script of onnxruntime-node fetches CUDA files.
  const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock'];
  const installing = run('npm', ['install', ...flags, '--loglevel=error', ...packages.map(tarballOf), ...extra], {
    cwd: folder,
  });
  must('npm install of the tarballs', await installing);
}

/** Returns what installs the version of TensorFlow.js that the repository has. */
export function tensorflow(): string {
  return `@tensorflow/tfjs@${readManifest(join(repositoryRoot, 'node_modules/@tensorflow/tfjs')).version}`;
}
