import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The parts of a package.json that the checks look at. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly private?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

export interface Workspace {
  /** Absolute path of its folder. */
  readonly folder: string;
  readonly manifest: Manifest;
}

export const repositoryRoot = resolve(import.meta.dirname, '../../../..');

/** The workspaces in `packages`, `examples` or `tools`, by folder name. */
export function workspaces(kind: 'packages' | 'examples' | 'tools'): Workspace[] {
  const parent = join(repositoryRoot, kind);
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(parent, name))
    .sort()
    .map((folder) => ({ folder, manifest: readManifest(folder) }));
}

export function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
}
