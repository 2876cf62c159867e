import { promises as fs } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from './folder.js';

/**
 * Removes files and folders that a killed process left behind: those in `directory` whose name
 * matches and which nobody has changed for some hours, so that the work of a running process stays.
 * Does nothing where there is no such folder.
 * @param matches  returns whether a name is that of a temporary file or folder of the caller
 * @param hours  age from which on an entry counts as abandoned; 0: all of them do
 */
export async function removeAbandoned(directory: string, matches: (name: string) => boolean, hours = 1): Promise<void> {
  for (const name of await namesIn(directory)) {
    if (!matches(name)) continue;
    const path = join(directory, name);
    const changed = (await fs.stat(path).catch(() => undefined))?.mtimeMs ?? Infinity;
    if (hours === 0 || Date.now() - changed > hours * 3_600_000) await fs.rm(path, { recursive: true, force: true });
  }
}
