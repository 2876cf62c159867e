import { existsSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ProgramError, runProgram } from './run-program.js';

interface PackRequest {
  /** `name@version`. */
  readonly packageSpec: string;
  /** An existing, empty folder for the archive and temporary files. */
  readonly directory: string;
  /** Called several times a second with the number of bytes that have arrived. */
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** Fetches the archive of an npm package without installing it and returns its path. */
export type PackFetcher = (request: PackRequest) => Promise<string>;

const POLL_MILLISECONDS = 250;

/**
 * Runs `npm pack` as a child process in the current folder, so that the user's registry, mirror,
 * proxy, certificates and credentials apply as they do to any other package. npm gets a cache
 * folder of its own: the size of that folder is the progress, and the user's cache does not keep a
 * copy of the archive.
 */
export const npmPack: PackFetcher = async ({ packageSpec, directory, onBytes, signal }) => {
  const cache = join(directory, 'npm-cache');
  const options = [
    '--pack-destination',
    directory,
    '--cache',
    cache,
    '--ignore-scripts',
    '--fetch-retries',
    '1',
    '--loglevel',
    'error',
  ];
  const poll = setInterval(() => void folderSize(cache).then(onBytes), POLL_MILLISECONDS);
  try {
    await runNpm(['pack', packageSpec, ...options], signal);
  } finally {
    clearInterval(poll);
    await rm(cache, { recursive: true, force: true });
  }
  const archive = (await readdir(directory)).find((name) => name.endsWith('.tgz'));
  if (!archive) throw new Error(`npm pack ${packageSpec} wrote no archive`);
  return join(directory, archive);
};

async function runNpm(options: readonly string[], signal: AbortSignal | undefined): Promise<void> {
  const [command, ...leading] = npmCommand();
  try {
    await runProgram(command!, [...leading, ...options], { signal });
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    const { isMissing, ending, complaints } = error;
    throw new Error(
      isMissing ? 'npm was not found; it comes with Node.js' : `npm pack ended with ${ending}: ${summary(complaints)}`,
      { cause: error },
    );
  }
}

/**
 * Returns the command of the npm that runs this process, else of the npm beside Node.js (Windows
 * cannot start npm.cmd without a shell), else of the npm on the path.
 */
function npmCommand(): string[] {
  const running = process.env.npm_execpath;
  if (running && basename(running) === 'npm-cli.js') return [process.execPath, running];
  const beside = join(dirname(process.execPath), 'node_modules', 'npm', 'bin', 'npm-cli.js');
  return existsSync(beside) ? [process.execPath, beside] : ['npm'];
}

/** Returns the errors that npm printed, without its advice on where the log is. */
function summary(complaints: string): string {
  const lines = complaints.split('\n').flatMap((line) => /^npm (?:error|ERR!) (.*)$/.exec(line)?.[1]?.trim() ?? []);
  return (
    lines
      .filter((line) => line && !line.includes('log of this run'))
      .slice(0, 4)
      .join('; ') ||
    complaints.trim() ||
    'no message'
  );
}

async function folderSize(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = names.map((name) =>
    stat(join(folder, name)).then(
      (entry) => (entry.isFile() ? entry.size : 0),
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
