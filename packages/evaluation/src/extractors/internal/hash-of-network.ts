import { createHash } from 'node:crypto';
import type { Variable } from '@tensorflow/tfjs-core';
import { updateHash } from '@vitvq/files';

/**
 * Returns the SHA-256 of a config and of the names, shapes and values of variables, all in the
 * order of their names, so that the same network has the same hash whatever file it came from.
 */
export async function hashOfNetwork(config: object, variables: ReadonlyMap<string, Variable>): Promise<string> {
  const hash = createHash('sha256');
  hash.update(`${JSON.stringify(sorted(config))}\n`);
  for (const [name, variable] of [...variables].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${JSON.stringify([name, variable.shape])}\n`);
    const { buffer, byteOffset, byteLength } = await variable.data<'float32'>();
    await updateHash(hash, new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}

/** Returns data with the keys of all objects in order. */
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
