import { constants, promises as fs } from 'node:fs';
import { DataError } from '@vitvq/core';
import { systemReason } from '@vitvq/files';

/** What file systems say that have no hard links. */
const noLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV'];

/**
 * Gives a whole file a second name, unless a file of that name is there: what is in place is never
 * replaced. Where the file system has no hard links, the file is copied.
 * @returns whether the file got the name
 * @throws {DataError} naming the file and the system's reason
 */
export async function placeUnlessThere(staged: string, file: string): Promise<boolean> {
  try {
    try {
      await fs.link(staged, file);
    } catch (error) {
      if (!noLinks.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      await fs.copyFile(staged, file, constants.COPYFILE_EXCL);
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new DataError({ where: file, expected: 'to write the file', got: systemReason(error) }, { cause: error });
  }
}
