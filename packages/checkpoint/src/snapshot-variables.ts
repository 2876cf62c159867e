import type { Variable } from '@tensorflow/tfjs-core';
import type { HostTensor } from '@vitvq/core';
import { readVariable } from './variable-tensors.js';

/**
 * Copies the values of all variables to host memory. `Module.loadVariables` and `assignHostValues`
 * of `@vitvq/core` do the reverse. Variables of dtype bool become int32. The function waits for the
 * engine without blocking. To write a file, `variableTensors` needs less memory.
 */
export async function snapshotVariables(variables: ReadonlyMap<string, Variable>): Promise<Map<string, HostTensor>> {
  const tensors = new Map<string, HostTensor>();
  for (const [name, variable] of variables) tensors.set(name, await readVariable(variable));
  return tensors;
}
