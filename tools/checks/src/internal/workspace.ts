import { readdirSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

/** The parts of a package.json that the checks look at. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** A package, example or tool of the repository. */
export interface Workspace {
  /** Absolute path of its folder. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Absolute path of the repository. */
export const repositoryRoot = resolve(import.meta.dirname, '../../../..');

/** Absolute path of the folder that packed packages lie in. */
export const packedFolder = join(repositoryRoot, '.packed');

/** Returns the workspaces in `packages`, `examples` or `tools`, by folder name. */
export function workspaces(kind: 'packages' | 'examples' | 'tools'): Workspace[] {
  const parent = join(repositoryRoot, kind);
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(parent, name))
    .sort()
    .map((folder) => ({ folder, manifest: readManifest(folder) }));
}

/** Returns the package.json of a folder. */
export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}

/** Returns the published packages. */
export function publishedPackages(): Workspace[] {
  return workspaces('packages').filter(({ manifest }) => !manifest.private);
}

/** Returns the published package whose folder has the name. */
export function packageNamed(name: string | undefined): Workspace {
  const found = publishedPackages().find(({ folder }) => basename(folder) === name);
  if (!found) throw new Error(`expected the name of a published package, got ${name ?? 'none'}.`);
  return found;
}

/** Returns the package and the packages of ours that it needs, directly or through others. */
export function installedWith(workspace: Workspace): Workspace[] {
  const published = new Map(publishedPackages().map((each) => [each.manifest.name, each]));
  const found = new Set<Workspace>();
  const visit = (each: Workspace) => {
    if (found.has(each)) return;
    found.add(each);
    const { dependencies, optionalDependencies } = each.manifest;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      if (!name.startsWith('@vitvq/')) continue;
      const needed = published.get(name);
      if (!needed) throw new Error(`${each.manifest.name} depends on ${name}, which is not published.`);
      visit(needed);
    }
  };
  visit(published.get(workspace.manifest.name) ?? workspace);
  return [...found];
}

/** Tells whether a published package needs this one. */
export function isNeeded({ manifest: { name } }: Workspace): boolean {
  return publishedPackages().some(
    ({ manifest }) => name in { ...manifest.dependencies, ...manifest.optionalDependencies },
  );
}

/** Returns the path of a package's tarball, which the Nx target `pack` writes. */
export function tarballOf({ folder }: Workspace): string {
  return join(packedFolder, `${basename(folder)}.tgz`);
}
