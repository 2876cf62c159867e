import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Places of the configs that are shipped: beside the built code, in the repository, and beside the
 * sources that a published package holds.
 */
const shippedFolders = ['configs', '../../../../configs', '../../dist/configs'];

/** Returns a file of the folder of shipped configs; undefined where there is none of that name. */
export function shippedFile(name: string): string | undefined {
  const folder = shippedFolders
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find((path) => existsSync(join(path, 'quickstart.yaml')));
  const file = folder && join(folder, name);
  return file && existsSync(file) ? file : undefined;
}
