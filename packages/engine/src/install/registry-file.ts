import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DataError } from '@vitvq/core';
import { npmPack, runProgram, sha256OfFile } from '@vitvq/files';

/** Registry of packages, which the user's own client reaches. */
export type Registry = 'npm' | 'pip';

/** A file of a package registry, and no other. */
export interface RegistryFile {
  readonly registry: Registry;
  readonly name: string;
  readonly version: string;
  /** Size of the file. */
  readonly bytes: number;
  readonly sha256: string;
  /** What the file is for. */
  readonly purpose: string;
  /** Which of the package's wheels it is, for pip. */
  readonly wheel?: { readonly implementation: 'cp' | 'py'; readonly abi: string; readonly platform: string };
}

/** Fetches a file into an empty folder and returns its path there. */
export type RegistryFetcher = (file: RegistryFile, folder: string) => Promise<string>;

/**
 * Fetches a file through the user's own npm or pip, whose registry, proxy and credentials apply.
 * @throws {Error} with what the client says
 */
export const fetchFromRegistry: RegistryFetcher = (file, folder) =>
  file.registry === 'npm'
    ? npmPack({
        packageSpec: `${file.name}@${file.version}`,
        directory: folder,
        onBytes: () => undefined,
        signal: undefined,
      })
    : pipDownload(file, folder);

async function pipDownload({ name, version, wheel }: RegistryFile, folder: string): Promise<string> {
  const tags = wheel
    ? ['--implementation', wheel.implementation, '--abi', wheel.abi, '--platform', wheel.platform]
    : [];
  const options = ['--no-deps', '--only-binary=:all:', '--dest', folder, '--quiet', '--disable-pip-version-check'];
  await runProgram('python3', [
    '-m',
    'pip',
    'download',
    ...options,
    '--no-input',
    '--python-version',
    '3.12',
    ...tags,
    `${name}==${version}`,
  ]);
  const [file] = await readdir(folder);
  if (file === undefined) throw new Error(`pip download ${name}==${version} wrote no file`);
  return join(folder, file);
}

const advice: Readonly<Record<Registry, string>> = {
  npm: 'See that npm reaches its registry, and try again.',
  pip: 'See that "python3 -m pip" works and reaches its registry, and try again.',
};

/**
 * Fetches a file and compares its checksum. A file that is another one is removed.
 * @returns the path of the file in `folder`
 * @throws {DataError} naming the package and what its registry's client said, or the checksum
 */
export async function fetchVerified(file: RegistryFile, folder: string, fetch: RegistryFetcher): Promise<string> {
  const where = `${file.name} ${file.version} (${file.registry})`;
  const empty = join(folder, 'fetching');
  await mkdir(empty, { recursive: true });
  try {
    const fetched = await fetch(file, empty);
    const got = await sha256OfFile(fetched);
    if (got !== file.sha256) {
      throw new DataError({
        where,
        expected: `a file with SHA-256 ${file.sha256}`,
        got: String(got),
        fix: 'The registry has another file under this name. Nothing was kept.',
      });
    }
    const kept = join(folder, basename(fetched));
    await rename(fetched, kept);
    return kept;
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      {
        where,
        expected: `to fetch it with your ${file.registry}`,
        got: (error as Error).message,
        fix: advice[file.registry],
      },
      { cause: error },
    );
  } finally {
    await rm(empty, { recursive: true, force: true });
  }
}
