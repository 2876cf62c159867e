import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DataError } from '@vitvq/core';
import { removeAbandoned } from './remove-abandoned.js';
import { systemReason } from './system-reason.js';

/** Bytes that are written at once. The event loop runs between two pieces. */
const pieceBytes = 16 * 2 ** 20;

const temporaryName = /^\..+\.[0-9a-f]{12}\.tmp$/;

/** A file that is being written. */
export interface OutputFile {
  /** Writes bytes after those that were appended before. */
  append(bytes: Uint8Array): Promise<void>;
  /** Overwrites bytes that were appended before. */
  replace(bytes: Uint8Array, position: number): Promise<void>;
}

/**
 * Writes a file so that readers see the previous content or the whole new one, whatever happens.
 * The function writes a temporary file next to it, syncs and renames that file, and syncs the
 * directory. After a failure the temporary file is removed and the previous file is unchanged.
 * @param fill  writes the bytes of the file; errors of `fill` itself pass through
 * @throws {DataError} naming the file and the system's reason, which is its `cause`
 */
export async function writeAtomically(file: string, fill: (output: OutputFile) => Promise<void>): Promise<void> {
  const attempt = async <T>(operation: () => Promise<T>): Promise<T> => {
    try {
      return await operation();
    } catch (error) {
      throw new DataError(
        {
          where: file,
          expected: 'to write the file',
          got: systemReason(error),
          fix: 'Nothing was changed: a previous file of that name is as it was.',
        },
        { cause: error },
      );
    }
  };
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  const handle = await attempt(() => fs.open(temporary, 'wx'));
  const write = async (bytes: Uint8Array, position: number | null): Promise<void> => {
    for (let done = 0; done < bytes.length;) {
      const length = Math.min(bytes.length - done, pieceBytes);
      const at = position === null ? null : position + done;
      done += (await attempt(() => handle.write(bytes, done, length, at))).bytesWritten;
    }
  };
  try {
    try {
      await fill({ append: (bytes) => write(bytes, null), replace: write });
      await attempt(() => handle.sync());
    } finally {
      await attempt(() => handle.close());
    }
    await attempt(() => fs.rename(temporary, file));
  } catch (error) {
    await fs.rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(file));
}

/**
 * Makes what was created, renamed or removed in a folder survive a power cut. Windows has no such
 * call and needs none.
 */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await fs.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Removes temporary files of {@link writeAtomically} that a killed process left in a directory.
 * @param prefix  beginning of the names of the files that were being written
 * @param hours  age from which on a file counts as left behind; 0 for who alone writes to the
 *   directory. @default 1
 */
export function removeTemporaryFiles(directory: string, prefix = '', hours = 1): Promise<void> {
  return removeAbandoned(directory, (name) => temporaryName.test(name) && name.startsWith(`.${prefix}`), hours);
}
