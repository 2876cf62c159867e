import { findModelFolders, resolveModelFolder, type FoundModelFolders } from '@vitvq/checkpoint';
import { DataError } from '@vitvq/core';

/** Kind of a model in a run. */
export type ModelRole = keyof FoundModelFolders;

/**
 * Returns the folder of a model: of a model folder or a run as it is, and of `owner/name` on a hub
 * once it is fetched into the user's cache.
 * @throws {DataError} when there is none
 */
export async function findModel(source: string, role: ModelRole): Promise<string> {
  const found = (await findModelFolders(await resolveModelFolder(source)))[role];
  if (found !== undefined) return found;
  throw new DataError({ where: source, expected: `a folder with a ${role}`, got: 'one without' });
}
