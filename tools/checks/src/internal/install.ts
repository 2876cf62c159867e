import { copyFile, link, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
 * Installs what our packages need of the registry, all of it once, for {@link linkRegistry}. It
 * does nothing where that is there already.
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
 * Gives a folder links to all that {@link installRegistry} has installed. An installation there
 * takes what it needs and removes the rest, and unpacks nothing.
 */
export async function linkRegistry(folder: string): Promise<void> {
  await linkTree(join(registryFolder, 'node_modules'), join(folder, 'node_modules'));
}

async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await linkTree(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    // npm writes its list of what is installed in place.
    else if (entry.name === '.package-lock.json') await copyFile(source, target);
    else await link(source, target).catch(() => copyFile(source, target)); // another file system
  }
}
