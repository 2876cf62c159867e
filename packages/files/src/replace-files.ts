import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { DataError, ShapeError } from '@vitvq/core';
import { createFolder, namesIn } from './folder.js';
import { isRunning, readHolder, thisHolder } from './holder.js';
import { readText } from './read-file.js';
import { systemReason } from './system-reason.js';
import { removeTemporaryFiles, syncDirectory } from './write-atomically.js';
import { writeJson } from './write-file.js';

/** Beginning of the names of folders that hold the new files. */
const prefix = '.replacement.';

const stagingName = /^\.replacement\.[0-9a-f]{12}\.tmp$/;

/** Name of a folder that holds all new files: from here on, the replacement is finished. */
const readyName = /^\.replacement\.[0-9a-f]{12}\.ready$/;

/** File of such a folder that lists what is to be done. */
const journalName = '.journal.json';
/** File in a folder of new files that says which process writes them. */
const holderName = '.holder.json';
const maximumJournalBytes = 16 * 2 ** 20;

interface Journal {
  readonly files: readonly string[];
  readonly obsolete: readonly string[];
}

/** Options of {@link replaceFiles}. */
export interface ReplaceFilesOptions {
  /**
   * Writes the new files into an empty folder.
   * @returns names of the new files, in the order in which they get their place
   */
  readonly write: (staging: string) => Promise<readonly string[]>;
  /** Returns whether a file of that name belongs to what is replaced; all new files do. */
  readonly isReplaced: (name: string) => boolean;
  /**
   * Returns whether a file that is there and not among the new ones stays all the same; asked after
   * `write`. @default none does, of those that belong to what is replaced
   */
  readonly stays?: (name: string) => boolean;
}

/**
 * Replaces several files of a folder as one, which is created when it is missing; files of other
 * names stay. The new files are written to a folder of their own within the folder, which gets the
 * name of a finished one by a single rename; then they are moved to their place. A process that is
 * killed before that rename has changed nothing; what it leaves afterwards is finished by the next
 * call, or by {@link finishReplacement}, which readers call.
 * @throws {DataError} naming the file that cannot be written and the system's reason; the files
 *   that were there before are unchanged
 */
export async function replaceFiles(
  folder: string,
  { write, isReplaced, stays = () => false }: ReplaceFilesOptions,
): Promise<void> {
  await createFolder(folder);
  await removeLeftovers(folder);
  await finishReplacement(folder, isReplaced);
  const staging = join(folder, `${prefix}${randomBytes(6).toString('hex')}.tmp`);
  const ready = staging.replace(/tmp$/, 'ready');
  try {
    await attempt(staging, () => fs.mkdir(staging));
    await writeJson(join(staging, holderName), await thisHolder());
    const files = await write(staging);
    const obsolete = (await namesIn(folder)).filter(
      (name) => isReplaced(name) && !files.includes(name) && !stays(name),
    );
    await writeJson(join(staging, journalName), { files, obsolete } satisfies Journal);
    await attempt(ready, () => fs.rename(staging, ready));
  } catch (error) {
    await fs.rm(staging, { recursive: true, force: true });
    throw inPlace(error, staging, folder);
  }
  await syncDirectory(folder);
  await finishReplacement(folder, isReplaced);
}

/**
 * Finishes replacements of files that a killed process has begun to move to their place. Does
 * nothing in other folders, and in a folder that is not there. The folder may come from anywhere:
 * files of other names are neither moved nor removed.
 * @param isReplaced  as {@link ReplaceFilesOptions.isReplaced}
 * @throws {DataError} when there is one that names other files, or the folder cannot be written to
 */
export async function finishReplacement(folder: string, isReplaced: (name: string) => boolean): Promise<void> {
  for (const name of (await namesIn(folder)).filter((found) => readyName.test(found))) {
    const ready = join(folder, name);
    const journal = await readJournal(ready, isReplaced);
    if (journal) await finish(folder, ready, journal);
  }
}

/** Removes new files of processes that ended before all of them were there. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of (await namesIn(folder)).filter((found) => stagingName.test(found))) {
    const holder = await readHolder(join(folder, name, holderName));
    if (holder && !(await isRunning(holder))) await fs.rm(join(folder, name), { recursive: true, force: true });
  }
  // Those that do not say whose they are.
  await removeTemporaryFiles(folder, prefix.slice(1));
}

/** Moves the files. Several processes may do so at once, and each may be killed at any moment. */
async function finish(folder: string, ready: string, { files, obsolete }: Journal): Promise<void> {
  const expected = 'to finish a replacement of files that was interrupted';
  await attempt(
    folder,
    async () => {
      for (const name of obsolete) await fs.rm(join(folder, name), { force: true });
      for (const name of files) await moveIfThere(join(ready, name), join(folder, name));
      await syncDirectory(folder);
      // By its temporary name it is no replacement any more, however far its removal comes.
      const done = ready.replace(/ready$/, 'tmp');
      await moveIfThere(ready, done);
      await fs.rm(done, { recursive: true, force: true });
    },
    expected,
  );
}

/** Undefined where another process has finished the replacement. @throws {DataError} */
async function readJournal(ready: string, isReplaced: (name: string) => boolean): Promise<Journal | undefined> {
  const file = join(ready, journalName);
  const problem = (got: string, cause?: unknown): DataError =>
    new DataError({ where: file, expected: 'a list of files that are replaced', got }, { cause });
  try {
    if (!(await fs.lstat(ready)).isDirectory()) throw problem('one outside the folder');
    const { files, obsolete } = JSON.parse(await readText(file, 'a list of files', maximumJournalBytes)) as Journal;
    for (const name of [...files, ...obsolete]) {
      if (typeof name !== 'string' || !isPlain(name) || !isReplaced(name)) throw problem(JSON.stringify(name));
    }
    return { files, obsolete };
  } catch (error) {
    const { code } = (error instanceof DataError ? (error.cause ?? {}) : error) as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw error instanceof DataError ? error : problem(systemReason(error), error);
  }
}

/** Returns whether a name is that of a file within a folder. */
function isPlain(name: string): boolean {
  return !/[/\\\0]/.test(name) && name !== '' && name !== '.' && name !== '..';
}

async function moveIfThere(from: string, to: string): Promise<void> {
  try {
    await fs.rename(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function attempt<T>(where: string, operation: () => Promise<T>, expected = 'to write the file'): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw new DataError({ where, expected, got: systemReason(error) }, { cause: error });
  }
}

/** An error that names the file of the folder instead of the one that was written for it. */
function inPlace(error: unknown, staging: string, folder: string): unknown {
  const Kind = [DataError, ShapeError].find((kind) => error instanceof kind && error.constructor === kind);
  if (!Kind) return error;
  const { where, expected, got, fix, cause } = error as DataError;
  return new Kind({ where: where.replace(staging, () => folder), expected, got, fix }, { cause });
}
