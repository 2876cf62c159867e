import { createHash } from 'node:crypto';
import type { VariableOwner } from '@vitvq/core';
import { updateHash } from '@vitvq/files';

/**
 * Returns the SHA-256 of the weights of a network in hexadecimal digits: names, shapes and values.
 * @param architecture  text that differs where the same weights mean another function
 */
export async function weightsHash(
  network: Pick<VariableOwner, 'namedVariables'>,
  architecture: string,
): Promise<string> {
  const hash = createHash('sha256').update(architecture);
  for (const [name, variable] of network.namedVariables()) {
    hash.update(JSON.stringify([name, variable.shape, variable.dtype]));
    const values = await variable.data();
    await updateHash(hash, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}
