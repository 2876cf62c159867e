import { ShapeError, formatShape, type HostTensor } from '@vitvq/core';
import { fromHostData, isIntegerDtype } from '../dtypes.js';
import type { WritableEntry } from '../safetensors-header.js';
import type { WritableTensors } from '../tensor-source.js';
import { describeTensor } from './layout.js';
import { quote } from './scan-json.js';

/**
 * Passes the bytes of tensors to a function, in order. One tensor of a source is held at a time.
 * @throws {ShapeError} when a tensor differs from its description, from which the header was
 *   written
 */
export async function forEachTensor(
  tensors: WritableTensors,
  entries: readonly WritableEntry[],
  where: string,
  use: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  // A separate function, because a variable of the loop would keep the tensor alive while the next
  // one is read.
  const passOn = async (entry: WritableEntry): Promise<void> =>
    use(fromHostData(await readDescribed(tensors, entry, where), entry.dtype, entry.name, where));
  for (const entry of entries) {
    await passOn(entry);
    // Node.js holds on to the bytes until the callback of the write has returned.
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

async function readDescribed(
  tensors: WritableTensors,
  { name, dtype, shape }: WritableEntry,
  where: string,
): Promise<HostTensor> {
  if (!('read' in tensors)) return tensors.get(name)!;
  const tensor = await tensors.read(name);
  const got = describeTensor(name, tensor, where);
  if (formatShape(got.shape) !== formatShape(shape) || (got.dtype === 'int32') !== isIntegerDtype(dtype)) {
    throw new ShapeError({
      where,
      expected: `tensor ${quote(name)} to be ${dtype} ${formatShape(shape)}, as described before`,
      got: `${got.dtype} ${formatShape(got.shape)}`,
    });
  }
  return tensor;
}
