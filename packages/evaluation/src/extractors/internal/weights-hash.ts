import { createHash } from 'node:crypto';
import type { Variable } from '@tensorflow/tfjs-core';
import { updateHash } from '@vitvq/files';

/**
 * Returns the SHA-256 of the names, shapes and values of variables in the order of their names, so
 * that the same weights have the same hash whatever file they came from.
 */
export async function weightsHash(variables: ReadonlyMap<string, Variable>): Promise<string> {
  const hash = createHash('sha256');
  for (const [name, variable] of [...variables].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${JSON.stringify([name, variable.shape])}\n`);
    const { buffer, byteOffset, byteLength } = await variable.data<'float32'>();
    await updateHash(hash, new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest('hex');
}
