import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { installedEngineFolder, sitePackages } from '../engines/installed-engine.js';

/** Variable that names the file of a plug-in. */
export const pluginVariable = 'VITVQ_PJRT_PLUGIN';

/** A plug-in that was found. */
export interface FoundPlugin {
  readonly path: string;
  /** Whether `VITVQ_PJRT_PLUGIN` names the plug-in. */
  readonly isNamed: boolean;
  /** Whether the plug-in computes on the CPU, going by its name. */
  readonly isCpu: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const isLibrary = (name: string): boolean => /\.(so|dylib|dll)$/.test(name);
const isForCpu = (path: string): boolean => /cpu/i.test(join(basename(dirname(path)), basename(path)));

/** Returns the paths of what a folder holds; none where there is no such folder. */
function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

/** Folders in which Python packages of an installation lie, going by where its parts always are. */
function packageFoldersOf(prefix: string): string[] {
  const libraries = entriesOf(join(prefix, 'lib')).filter((path) => /^python3/.test(basename(path)));
  return [...libraries, join(prefix, 'Lib')].flatMap((library) =>
    ['site-packages', 'dist-packages'].map((name) => join(library, name)),
  );
}

/** Installations of Python that a user would mean; nothing is run to find them. */
function prefixes(environment: Environment): string[] {
  const active = [environment['VIRTUAL_ENV'], environment['CONDA_PREFIX']];
  const programs = (environment['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => ['python3', 'python', 'python.exe'].map((name) => join(folder, name)))
    .filter((path) => existsSync(path));
  // A link of a virtual environment leads to the base installation, so both places count.
  const installed = programs.flatMap((path) => [path, realpathSync(path)].map((each) => dirname(dirname(each))));
  const home = join(environment['HOME'] ?? homedir(), '.local');
  return [...active.filter((prefix) => prefix !== undefined), ...installed, home, '/usr/local', '/usr'];
}

/** Plug-ins in a folder of Python packages, where the wheels of JAX and others put them. */
export function pluginsIn(packages: string): string[] {
  const found: string[] = [];
  const folders = [...entriesOf(join(packages, 'jax_plugins')), join(packages, 'libtpu')];
  // Other wheels have a folder of their own, whose name or file says what it is.
  const others = entriesOf(packages).filter((path) => /pjrt|xla/i.test(basename(path)));
  for (const folder of [...folders, ...others]) {
    for (const path of entriesOf(folder)) {
      const isPlugin = isLibrary(path) && /plugin|pjrt|libtpu/i.test(basename(path));
      if (isPlugin) found.push(path);
    }
  }
  return found;
}

/**
 * Finds a PJRT plug-in: the one that `VITVQ_PJRT_PLUGIN` names, or else the one that `vitvq engine
 * install pjrt` has installed, or one among the packages of Python, where pip puts them. A plug-in
 * for an accelerator comes before one for the CPU.
 */
export function findPlugin(environment: Environment = process.env): FoundPlugin | undefined {
  const named = environment[pluginVariable];
  if (named) return { path: resolve(named), isNamed: true, isCpu: isForCpu(named) };
  const installed = join(installedEngineFolder('pjrt'), sitePackages);
  const folders = new Set([installed, ...prefixes(environment).flatMap(packageFoldersOf)]);
  const found = [...folders].flatMap(pluginsIn).map((path) => ({ path, isNamed: false, isCpu: isForCpu(path) }));
  return found.find(({ isCpu }) => !isCpu) ?? found[0];
}
