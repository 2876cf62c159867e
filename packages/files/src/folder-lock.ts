import { promises as fs, readFileSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { DataError } from '@vitvq/core';
import { createFolder, namesIn } from './folder.js';
import { isRunning, readHolder, thisHolder, type Holder } from './holder.js';
import { systemReason } from './system-reason.js';

/** Name of a lock: the number rises with each lock that is taken over from a dead process. */
const lockName = /^\.vitvq-lock-(\d{1,9})$/;

/** Error of a folder that another run writes to. */
export class FolderTakenError extends DataError {}

/** A lock that was taken: the file, and what this process wrote to it. */
interface TakenLock {
  readonly file: string;
  readonly text: string;
}

/**
 * Sole right of a process to write to a folder: a file that says who holds it. The lock of a
 * process that ended without releasing it is taken over, also after a reboot; nobody can tell
 * whether a process on another host still runs, so its lock counts until it is removed.
 *
 * A lock is taken over by creating the file with the next number, which only one process can; so
 * two processes never both remove a dead lock and create their own.
 */
export class FolderLock {
  readonly #folder: string;
  readonly #onExit: () => void;
  #taken: TakenLock;

  private constructor(folder: string, taken: TakenLock) {
    this.#folder = folder;
    this.#taken = taken;
    this.#onExit = () => {
      if (isOwn(this.#taken)) rmSync(this.#taken.file, { force: true });
    };
    process.once('exit', this.#onExit);
  }

  /**
   * Takes the lock of a folder, which is created when it is missing.
   * @throws {FolderTakenError} when another run holds it, naming the process, the host and the time
   * @throws {DataError} when the folder cannot be written to
   */
  static async acquire(folder: string): Promise<FolderLock> {
    return new FolderLock(folder, await take(folder));
  }

  /**
   * Makes sure, in a long work, that the folder is still there and still this process's own. Where
   * the lock is gone, because the folder was removed, moved or lost with its disk, or because
   * somebody removed the lock, it is taken anew.
   * @returns whether it was gone
   * @throws {FolderTakenError} when another run has taken the folder meanwhile
   * @throws {DataError} when the folder cannot be read, or not be taken anew
   */
  async confirm(): Promise<boolean> {
    const { file, text } = this.#taken;
    const found = await fs.readFile(file, 'utf8').catch((error: unknown) => {
      if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
      throw new DataError(
        { where: file, expected: 'a lock that can be read', got: systemReason(error) },
        { cause: error },
      );
    });
    if (found === text) return false;
    this.#taken = await take(this.#folder, text);
    return true;
  }

  /** Gives the folder free. The end of the process does so too. */
  async release(): Promise<void> {
    process.off('exit', this.#onExit);
    if (isOwn(this.#taken)) await fs.rm(this.#taken.file, { force: true });
  }
}

/** Returns whether a lock is still there, and not that of a run that came later. */
function isOwn({ file, text }: TakenLock): boolean {
  try {
    return readFileSync(file, 'utf8') === text;
  } catch {
    return false;
  }
}

/**
 * Takes the lock of a folder.
 * @param former  text of a lock that this one replaces, should a network show it once more
 * @throws {DataError} as `FolderLock.acquire`
 */
async function take(folder: string, former?: string): Promise<TakenLock> {
  await createFolder(folder);
  const text = textOf(await thisHolder());
  for (;;) {
    const before = await numbersIn(folder);
    await refuseLiving(folder, before, former);
    const number = Math.max(0, ...before) + 1;
    const file = fileOf(folder, number);
    if (!(await create(file, text, folder))) continue;
    // What happened between the look and the creation: a higher number won, a lower one lives.
    try {
      const others = (await numbersIn(folder)).filter((other) => other !== number);
      await refuseLiving(folder, others, former);
      if (others.some((other) => other > number)) {
        await fs.rm(file, { force: true });
        continue;
      }
      for (const other of others) await fs.rm(fileOf(folder, other), { force: true });
    } catch (error) {
      await fs.rm(file, { force: true });
      throw error;
    }
    return { file, text };
  }
}

/**
 * Returns the process that writes to a folder at present; undefined where none does. Takes nothing.
 */
export async function holderOf(folder: string): Promise<Holder | undefined> {
  for (const number of await numbersIn(folder)) {
    const holder = await readWritten(fileOf(folder, number));
    if (holder && (await isRunning(holder))) return holder;
  }
  return undefined;
}

/**
 * Runs `fn` while this process holds the lock of a folder, which `fn` gets.
 * @throws {DataError} as {@link FolderLock.acquire}
 */
export async function withFolderLock<T>(folder: string, fn: (lock: FolderLock) => Promise<T>): Promise<T> {
  const lock = await FolderLock.acquire(folder);
  try {
    return await fn(lock);
  } finally {
    await lock.release();
  }
}

const textOf = (holder: Holder): string => `${JSON.stringify(holder)}\n`;

const fileOf = (folder: string, number: number): string => join(folder, `.vitvq-lock-${number}`);

async function numbersIn(folder: string): Promise<number[]> {
  return (await namesIn(folder)).flatMap((name) => {
    const number = lockName.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

/** Creates a lock; returns false where another process was faster. @throws {DataError} */
async function create(file: string, content: string, folder: string): Promise<boolean> {
  try {
    await fs.writeFile(file, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    await fs.rm(file, { force: true }).catch(() => undefined); // a full disk leaves an empty file
    throw new DataError(
      {
        where: folder,
        expected: 'a folder that can be written to',
        got: systemReason(error),
        fix: 'Make room or choose another folder.',
      },
      { cause: error },
    );
  }
}

/**
 * Refuses a folder of which one of the locks belongs to a process that runs.
 * @param except  text of a lock that does not count
 * @throws {FolderTakenError}
 */
async function refuseLiving(folder: string, numbers: readonly number[], except?: string): Promise<void> {
  for (const number of numbers) {
    const file = fileOf(folder, number);
    const holder = await readWritten(file);
    if (!holder || textOf(holder) === except || !(await isRunning(holder))) continue;
    const whose = holder.pid === process.pid && holder.host === hostname() ? 'this process' : `process ${holder.pid}`;
    throw new FolderTakenError({
      where: folder,
      expected: 'a folder that no other run writes to',
      got: `one that ${whose} on ${holder.host} has been writing to since ${holder.since}`,
      fix: `Wait for that run, end it, or choose another folder. If no such process runs, remove ${file}.`,
    });
  }
}

/** Reads a lock, which may have been created a moment ago and not be written yet. */
async function readWritten(file: string): Promise<Holder | undefined> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const holder = await readHolder(file);
    if (holder || !(await fs.stat(file).catch(() => undefined))) return holder;
    await setTimeout(20);
  }
  return undefined;
}
