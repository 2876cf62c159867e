import { existsSync } from 'node:fs';
import { fetchModel, findModelFolders, type FoundModelFolders } from '@vitvq/checkpoint';
import { DataError } from '@vitvq/core';
import { defaultCacheDirectory } from '@vitvq/files';

/** Kind of a model in a run. */
export type ModelRole = keyof FoundModelFolders;

/** A model on a hub: `owner/name`, with `@revision` where a certain one is meant. */
const hubName = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*(@[\w./-]+)?$/;

/**
 * Returns the folder of a model: of a model folder or a run as it is, and of `owner/name` on a hub
 * once it is fetched into the user's cache.
 * @throws {DataError} when there is none
 */
export async function findModel(source: string, role: ModelRole): Promise<string> {
  const folder = existsSync(source) || !hubName.test(source) ? source : await fetchModel(source, { cacheDirectory: defaultCacheDirectory() });
  const found = (await findModelFolders(folder))[role];
  if (found !== undefined) return found;
  throw new DataError({ where: source, expected: `a folder with a ${role}`, got: 'one without' });
}
