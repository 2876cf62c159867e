import { promises as fs } from 'node:fs';
import { DataError } from '@vitvq/core';

/**
 * Refuses a folder with files that would be replaced.
 * @param isReplaced  returns whether a file of that name would be overwritten or removed
 * @throws {DataError} naming those files, or when the folder cannot be read
 */
export async function assertNothingReplaced(folder: string, isReplaced: (name: string) => boolean): Promise<void> {
  const found = (await namesIn(folder)).filter(isReplaced).sort();
  if (found.length === 0) return;
  throw new DataError({
    where: folder,
    expected: 'a folder where nothing is overwritten',
    got: `one with ${found.join(', ')}`,
    fix: 'Choose another --out, or add --force to replace what is there.',
  });
}

/** Returns the names in a folder, or an empty list when the folder does not exist. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await fs.readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new DataError(
      { where: folder, expected: 'a folder to write to', got: (error as Error).message },
      { cause: error },
    );
  }
}
