import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  installationFile,
  installedEngineFolder,
  isTensorFlow,
  type InstallableEngine,
} from '../engines/installed-engine.js';
import { EngineError } from '../errors.js';
import { findCppCompiler, type CppCompiler } from './cpp-compiler.js';
import { compilerWheel, cpuPlugin, recipes, type Machine, type Recipe } from './installations.js';
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
  /** The compiler that will be used; undefined where it is among the files, or none is needed. */
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
  const recipe = recipeFor(name, machine);
  if (recipe === undefined) {
    throw new EngineError({
      where: `engine install ${name}`,
      expected: `a machine of ${Object.keys(recipes[name]).join(', ')}`,
      got: machine,
      fix: elsewhere[name],
    });
  }
  const isCompiled = isTensorFlow(name);
  const compiler = isCompiled ? await findCppCompiler() : undefined;
  const files = [...recipe.files, ...(isCompiled && compiler === undefined ? [compilerWheel] : [])];
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

/** A GPU of NVIDIA has a driver that leaves one of these files. */
const nvidiaDriver = ['/proc/driver/nvidia/version', '/dev/nvidiactl', '/dev/dxg'];

function recipeFor(name: InstallableEngine, machine: Machine): Recipe | undefined {
  const recipe = recipes[name][machine];
  return name === 'pjrt' && recipe && !nvidiaDriver.some((file) => existsSync(file)) ? cpuPlugin : recipe;
}

const fetchedByScript = (name: string): string =>
  `"npm install --ignore-scripts=false ${name}@4.22.0" fetches a library for other machines, if its host answers.`;

/** How to get an engine on other machines. */
const elsewhere: Readonly<Record<InstallableEngine, string>> = {
  tensorflow: fetchedByScript('@tensorflow/tfjs-node'),
  'tensorflow-gpu': fetchedByScript('@tensorflow/tfjs-node-gpu'),
  pjrt: 'Install a plug-in for it with pip (jax-rocm10-pjrt, libtpu, jax-mlx-plugin), or name its file in VITVQ_PJRT_PLUGIN.',
};

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
