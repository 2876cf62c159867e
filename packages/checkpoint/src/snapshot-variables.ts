import type { Variable } from '@tensorflow/tfjs-core';
import type { HostTensor } from '@vitvq/core';
import { readVariable } from './variable-tensors.js';

/**
 * Returns the values of all variables in host memory. `Module.loadVariables` and `assignHostValues`
 * of `@vitvq/core` go the other way. Variables of dtype bool become int32. The function waits for
 * the engine without blocking. Writing a file with `variableTensors` takes less memory.
 */
export async function snapshotVariables(variables: ReadonlyMap<string, Variable>): Promise<Map<string, HostTensor>> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, variable] of variables) tensors.set(name, await readVariable(variable));
  return tensors;
}
