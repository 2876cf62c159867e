import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { defaultCacheDirectory } from '@vitvq/files';
import { fetchModel } from './fetch-model.js';

/** A model on a hub: `owner/name`, with `@revision` where a certain one is meant. */
const hubName = /^[A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*(@[\w./-]+)?$/;

/**
 * Returns the folder of a model: an existing folder as it is, and of `owner/name` (or
 * `owner/name@revision`) on a hub the folder in the user's cache, fetched if need be, as
 * {@link fetchModel} does it. A folder of that name comes before the hub, and `runs/x` is a path
 * where there is a folder `runs`.
 * @throws {DataError} when the hub has no such model, or cannot be reached
 */
export async function resolveModelFolder(source: string): Promise<string> {
  if (existsSync(source) || !hubName.test(source) || existsSync(dirname(source))) return source;
  return fetchModel(source, { cacheDirectory: defaultCacheDirectory() });
}
