import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { must, run } from './run.js';
import {
  packedFolder,
  publishedPackages,
  readManifest,
  repositoryRoot,
  tarballOf,
  type Workspace,
} from './workspace.js';

// As the READMEs say: the script of onnxruntime-node fetches CUDA files.
const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock'];

/** Folder that {@link installRegistry} fills. */
const registryFolder = join(packedFolder, 'registry');

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
  const installing = run('npm', ['install', ...flags, '--loglevel=error', ...packages.map(tarballOf), ...extra], {
    cwd: folder,
  });
  must('npm install of the tarballs', await installing);
}

/** Returns what installs the version of TensorFlow.js that the repository has. */
export function tensorflow(): string {
  return `@tensorflow/tfjs@${readManifest(join(repositoryRoot, 'node_modules/@tensorflow/tfjs')).version}`;
}

/**
 * Installs what our packages need of the registry, all of it once, for {@link unpackTarballs}.
 * It does nothing where that is there already.
 */
export async function installRegistry(): Promise<void> {
  const needed = publishedPackages().flatMap(({ manifest }) =>
    Object.entries({ ...manifest.dependencies, ...manifest.optionalDependencies }),
  );
  const foreign = needed.filter(([name]) => !name.startsWith('@vitvq/')).map((entry) => entry.join('@'));
  const wanted = [...new Set([tensorflow(), ...foreign])].sort();
  const list = join(registryFolder, 'installed.json');
  const installed = await readFile(list, 'utf8').catch(() => '');
  if (installed === JSON.stringify(wanted)) return;
  await rm(registryFolder, { recursive: true, force: true });
  const temporary = `${registryFolder}.new`;
  await rm(temporary, { recursive: true, force: true });
  await mkdir(temporary, { recursive: true });
  await writeFile(join(temporary, 'package.json'), '{ "private": true }\n');
  const installing = run('npm', ['install', ...flags, '--loglevel=error', ...wanted], { cwd: temporary });
  must('npm install of what the packages need', await installing);
  await rename(temporary, registryFolder);
  await writeFile(list, JSON.stringify(wanted));
}

/**
 * Unpacks packed packages in a folder that is empty, beside TensorFlow.js and its core, where npm
 * puts them. What a package declares of the registry lies in a folder of its own, as links to what
 * {@link installRegistry} has installed: it finds nothing else that it does not declare.
 */
export async function unpackTarballs(folder: string, packages: readonly Workspace[]): Promise<void> {
  const modules = join(folder, 'node_modules');
  await linkInstalled(modules, ['@tensorflow/tfjs', '@tensorflow/tfjs-core']);
  for (const workspace of packages) {
    const { name, dependencies, optionalDependencies, peerDependencies } = workspace.manifest;
    const target = join(modules, name);
    await mkdir(target, { recursive: true });
    const words = ['-xzf', basename(tarballOf(workspace)), '-C', target, '--strip-components=1'];
    must('tar', await run('tar', words, { cwd: packedFolder }));
    const declared = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
    await linkInstalled(join(target, 'node_modules'), declared);
  }
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
}

/** Links those packages of the registry that are installed: the others are ours or optional. */
async function linkInstalled(modules: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const [source, target] = [join(registryFolder, 'node_modules', name), join(modules, name)];
    if (!existsSync(source)) continue;
    await mkdir(dirname(target), { recursive: true });
    await symlink(source, target, 'junction');
  }
}
