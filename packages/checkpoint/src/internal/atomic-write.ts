import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DataError } from '@vitvq/core';

/** Written at once; small enough to keep the event loop and Ctrl-C alive between two pieces. */
const pieceBytes = 16 * 2 ** 20;

const temporaryName = /^\..+\.[0-9a-f]{12}\.tmp$/;

/**
 * Writes a file so that readers see the previous one or the whole new one, whatever happens: temporary file beside it,
 * fsync, rename, fsync of the directory. After a failure the temporary file is gone and the previous file is as it was.
 * @throws {DataError} naming the file and the system's reason, which is its `cause`
 */
export async function writeAtomically(file: string, pieces: Iterable<Uint8Array>): Promise<void> {
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  try {
    const handle = await fs.open(temporary, 'wx');
    try {
      for (const piece of pieces) {
        for (let done = 0; done < piece.length;) {
          done += (await handle.write(piece, done, Math.min(piece.length - done, pieceBytes))).bytesWritten;
        }
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(temporary, file);
  } catch (error) {
    await fs.rm(temporary, { force: true });
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
  await syncDirectory(dirname(file));
}

/** Makes a rename or removal survive a power cut. Windows has no such call and needs none. */
async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await fs.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes what a killed process left behind in `directory`: temporary files that nobody touched for an hour. */
export async function removeStaleTemporaryFiles(directory: string, prefix: string): Promise<void> {
  for (const name of await fs.readdir(directory)) {
    if (!temporaryName.test(name) || !name.startsWith(`.${prefix}`)) continue;
    const path = join(directory, name);
    const changed = (await fs.stat(path).catch(() => undefined))?.mtimeMs ?? Infinity;
    if (Date.now() - changed > 3_600_000) await fs.rm(path, { force: true });
  }
}

/** A system error in words: `no space left on device (ENOSPC)`. */
export function systemReason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const reasons: Record<string, string> = {
    ENOSPC: 'no space left on the device',
    EDQUOT: 'the disk quota is used up',
    EFBIG: 'the file would be larger than the system allows',
    EACCES: 'permission denied',
    EPERM: 'operation not permitted',
    EROFS: 'a read-only file system',
    ENOENT: 'no such file or directory',
    EISDIR: 'a directory',
    ENOTDIR: 'a file where a directory should be',
    EIO: 'an input/output error of the device',
  };
  return code === undefined ? String(message) : `${reasons[code] ?? message} (${code})`;
}
