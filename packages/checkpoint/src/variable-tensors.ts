import type { Variable } from '@tensorflow/tfjs-core';
import { ConfigError, type HostTensor } from '@vitvq/core';
import type { TensorSource } from './tensor-source.js';

/**
 * Returns variables as a source of tensors. Each variable is read from the engine when its turn
 * comes, so that host memory never holds a second copy of a model. Variables of dtype bool become
 * int32. The variables must not change until the file is written.
 * @throws {ConfigError} for a variable of another dtype
 */
export function variableTensors(variables: ReadonlyMap<string, Variable>): TensorSource {
  const tensors = [...variables].map(([name, { shape, dtype }]) => {
    if (dtype !== 'float32' && dtype !== 'int32' && dtype !== 'bool') {
      throw new ConfigError({
        where: 'variableTensors',
        expected: `variable "${name}" to be float32, int32 or bool`,
        got: dtype,
      });
    }
    return { name, shape: [...shape], dtype: dtype === 'float32' ? ('float32' as const) : ('int32' as const) };
  });
  return { tensors, read: (name) => readVariable(variables.get(name)!) };
}

/** Returns the values of a variable in host memory and waits for the engine without blocking. */
export async function readVariable(variable: Variable): Promise<HostTensor> {
  const values = await variable.data();
  return { shape: [...variable.shape], data: values instanceof Uint8Array ? Int32Array.from(values) : values };
}
