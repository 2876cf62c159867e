import { randomBytes } from 'node:crypto';
import { promises as fs } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DataError } from '@vitvq/core';
import { systemReason } from './system-reason.js';

/** Number of bytes that are written to see whether a folder takes any. */
const probeBytes = 4096;

/**
 * Makes sure before a long work that a folder takes files, or that it can be created: a read-only
 * or full disk is said at the start and not at the end. A file of a few kilobytes is written there,
 * or in the nearest folder above that exists, and removed.
 * @throws {DataError} naming the folder and the system's reason
 */
export async function assertWritableFolder(folder: string): Promise<void> {
  let existing = resolve(folder);
  while (existing !== dirname(existing) && (await isMissing(existing))) existing = dirname(existing);
  const probe = join(existing, `.probe.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await fs.writeFile(probe, new Uint8Array(probeBytes), { flag: 'wx', flush: true });
  } catch (error) {
    const expected = 'a folder that can be written to';
    const fix = 'Make room or choose another folder.';
    throw new DataError({ where: folder, expected, got: systemReason(error), fix }, { cause: error });
  } finally {
    await fs.rm(probe, { force: true }).catch(() => undefined);
  }
}

async function isMissing(path: string): Promise<boolean> {
  return fs.stat(path).then(
    () => false,
    (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT',
  );
}

/**
 * Checks before a long work that the disk of a folder has room for its result.
 * @param bytes  size of the smallest result
 * @param what  description of the result, such as "a checkpoint"
 * @throws {DataError} naming the folder, the room and the need
 */
export async function assertRoom(folder: string, bytes: number, what: string): Promise<void> {
  const { bavail, bfree, bsize, blocks } = await fs.statfs(folder);
  // Root may use what is reserved; a file system that does not count its blocks says 0.
  const free = (process.getuid?.() === 0 ? bfree : bavail) * bsize;
  if (blocks === 0 || free >= bytes) return;
  throw new DataError({
    where: folder,
    expected: `room for ${what}, ${megabytes(bytes)}`,
    got: `${megabytes(free)} free`,
    fix: 'Make room or choose another folder.',
  });
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
