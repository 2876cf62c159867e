import { promises as fs } from 'node:fs';
import { DataError } from '@vitvq/core';

/**
 * Refuses a folder that holds what would be replaced.
 * @param isReplaced  whether a file of that name would be overwritten or removed
 * @throws {DataError} naming those files; when the folder cannot be read
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

/** None where there is no folder yet. */
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
