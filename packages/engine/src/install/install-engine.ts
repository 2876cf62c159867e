import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkOptions, type OptionTable } from '@vitvq/core';
import { assertRoom, createFolder, removeAbandoned, withFolderLock, writeJson } from '@vitvq/files';
import { installationFile, isTensorFlow } from '../engines/installed-engine.js';
import { EngineError } from '../errors.js';
import { assemblePlugin, tryPlugin } from './assemble-plugin.js';
import { assembleTensorFlow, tryTensorFlow } from './assemble-tensorflow.js';
import { formatBytes } from './describe-installation.js';
import type { InstallationPlan, InstallationRecord } from './installation-plan.js';
import { compilerWheel } from './installations.js';
import { fetchFromRegistry, fetchVerified, type RegistryFetcher } from './registry-file.js';

/** Options of {@link installEngine}. */
export interface InstallOptions {
  /** Called before each step with what is done. @default does nothing */
  readonly onStep?: (step: string) => void;
  /** Fetches a file. @default through the user's npm and pip */
  readonly fetch?: RegistryFetcher;
}

const installOptionNames: OptionTable<InstallOptions> = { onStep: 'optional', fetch: 'optional' };

/**
 * Installs an engine into the user's cache. What is there stays until the new installation is
 * complete and its library has been loaded.
 * @throws {DataError} naming what could not be fetched, or is not what it should be
 * @throws {EngineError} when it could not be assembled here
 */
export async function installEngine(plan: InstallationPlan, options: InstallOptions = {}): Promise<void> {
  const { onStep = () => undefined, fetch = fetchFromRegistry } = checkOptions(
    options,
    installOptionNames,
    'installEngine',
  );
  const { name, folder, files, diskBytes, compiler } = plan;
  const engines = dirname(folder);
  const prefix = `.${name}.`;
  await createFolder(engines);
  await withFolderLock(engines, async () => {
    await removeAbandoned(engines, (entry) => entry.startsWith(prefix), 0); // nobody else holds the lock
    await assertRoom(engines, diskBytes, `the engine ${name}`);
    const staging = join(engines, `${prefix}${randomBytes(6).toString('hex')}`);
    const downloads = join(staging, 'downloads');
    try {
      await mkdir(downloads, { recursive: true });
      const fetched = new Map<string, string>();
      for (const file of files) {
        onStep(`Fetching ${file.name} ${file.version}, ${formatBytes(file.bytes)}`);
        fetched.set(file.name, await fetchVerified(file, downloads, fetch));
      }
      onStep(
        isTensorFlow(name)
          ? `Unpacking, then compiling with ${compiler?.description ?? 'the compiler that was fetched'}`
          : 'Unpacking',
      );
      await assemble(plan, staging, fetched);
      await rm(downloads, { recursive: true, force: true });
      const made = files.map(({ name: from, version, sha256 }) => ({ name: from, version, sha256 }));
      await writeJson(join(staging, installationFile), { name, files: made } satisfies InstallationRecord);
      await rm(folder, { recursive: true, force: true });
      await rename(staging, folder);
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  });
}

async function assemble(
  { name, files, compiler }: InstallationPlan,
  folder: string,
  fetched: ReadonlyMap<string, string>,
): Promise<void> {
  const wheels = files.filter((file) => file.registry === 'pip' && file !== compilerWheel);
  const paths = wheels.map((file) => fetched.get(file.name)!);
  const failure = (expected: string, fix: string) => (error: Error) => {
    throw new EngineError({ where: `engine install ${name}`, expected, got: error.message, fix }, { cause: error });
  };
  if (!isTensorFlow(name)) {
    await assemblePlugin(folder, paths).catch(
      failure('to unpack the engine', 'Python reads the archives: see that "python3" works.'),
    );
    await tryPlugin(folder).catch(
      failure('a plug-in that can be loaded', 'It needs a Linux with glibc 2.27 or newer.'),
    );
    return;
  }
  await assembleTensorFlow(folder, fetched, paths, compiler).catch(
    failure(
      'to assemble the engine',
      'Another compiler can be named in the variable CXX; "apt-get install g++" brings one on Debian.',
    ),
  );
  await tryTensorFlow(folder).catch(
    failure('to load what was assembled', 'It needs a Linux with glibc 2.27 or newer, and a processor with AVX.'),
  );
}
