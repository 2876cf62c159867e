import { firstLine } from './engine-definition.js';

/** Imports a package; returns undefined where it is not installed and throws other failures. */
export async function importOptional(name: string): Promise<unknown> {
  try {
    return (await import(name)) as unknown;
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND' && firstLine(error).includes(name))
      return undefined;
    throw error;
  }
}
