import type { Variable } from '@tensorflow/tfjs-core';
import type { HostTensor } from '@vitvq/core';

/**
 * Values of variables in host memory, to be written to a file; `Module.loadVariables` and `assignHostValues` of
 * `@vitvq/core` go the other way. Variables of dtype bool become int32. Waits for the engine without blocking.
 */
export async function snapshotVariables(variables: ReadonlyMap<string, Variable>): Promise<Map<string, HostTensor>> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, variable] of variables) {
    const values = await variable.data();
    const data = values instanceof Uint8Array ? Int32Array.from(values) : values;
    tensors.set(name, { shape: [...variable.shape], data });
  }
  return tensors;
}
