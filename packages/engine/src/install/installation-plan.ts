import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installationFile, installedEngineFolder, type InstallableEngine } from '../engines/installed-engine.js';
import { EngineError } from '../errors.js';
import { findCppCompiler, type CppCompiler } from './cpp-compiler.js';
import { compilerWheel, recipes, type Machine } from './installations.js';
import type { RegistryFile } from './registry-file.js';

/** What the installation of an engine will fetch and do. */
export interface InstallationPlan {
  readonly name: InstallableEngine;
  /** Where the engine will lie: a folder in the user's cache. */
  readonly folder: string;
  /** Files that will be fetched, through the user's own npm and pip. */
  readonly files: readonly RegistryFile[];
  /** Room on the disk that is needed. */
  readonly diskBytes: number;
  /** The compiler that will be used; undefined where it is among the files. */
  readonly compiler: CppCompiler | undefined;
  /** Whether the same files are installed already. */
  readonly isInstalled: boolean;
}

/** Content of the file that an installation leaves. */
export interface InstallationRecord {
  readonly name: InstallableEngine;
  readonly files: readonly Pick<RegistryFile, 'name' | 'version' | 'sha256'>[];
}

/**
 * Says what the installation of an engine on this machine will fetch. Fetches nothing.
 * @throws {EngineError} when there is no way to install it here, saying why
 */
export async function planInstallation(
  name: InstallableEngine,
  machine: Machine = thisMachine(),
): Promise<InstallationPlan> {
  const recipe = recipes[name][machine];
  if (recipe === undefined) {
    throw new EngineError({
      where: `engine install ${name}`,
      expected: `a machine of ${Object.keys(recipes[name]).join(', ')}`,
      got: machine,
      fix: `"npm install --ignore-scripts=false ${packageOf[name]}@4.22.0" fetches a library for other machines, if its host answers.`,
    });
  }
  const compiler = await findCppCompiler();
  const files = [...recipe.files, ...(compiler === undefined ? [compilerWheel] : [])];
  const folder = installedEngineFolder(name);
  const installed = await readRecord(folder);
  return {
    name,
    folder,
    files,
    diskBytes: recipe.diskBytes,
    compiler,
    isInstalled: recipe.files.every((file) => installed?.files.some(({ sha256 }) => sha256 === file.sha256) ?? false),
  };
}

/** Packages of npm whose installation scripts fetch a library for other machines. */
const packageOf = {
  tensorflow: '@tensorflow/tfjs-node',
  'tensorflow-gpu': '@tensorflow/tfjs-node-gpu',
} as const satisfies Record<InstallableEngine, string>;

/** Undefined where nothing is installed, or something that is not understood. */
async function readRecord(folder: string): Promise<InstallationRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(folder, installationFile), 'utf8')) as Partial<InstallationRecord>;
    return Array.isArray(record.files) ? (record as InstallationRecord) : undefined;
  } catch {
    return undefined;
  }
}

const thisMachine = (): Machine => `${process.platform}-${process.arch}`;
