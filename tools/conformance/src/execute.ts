import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from '@vitvq/core';
import { compile, useEngine, type EngineName } from '@vitvq/engine';

export type TensorRecord = Record<string, tf.Tensor>;

/** Plain tensor code: named tensors in, named tensors out. Reads variables, keeps nothing. */
type Compute = (inputs: TensorRecord) => TensorRecord;

/** Runs `compute` on an engine, values in host memory on both sides. */
export type Execute = (compute: Compute, inputs: ReadonlyMap<string, HostTensor>) => Promise<Map<string, HostTensor>>;

function toTensors(inputs: ReadonlyMap<string, HostTensor>): TensorRecord {
  return Object.fromEntries(
    [...inputs].map(([name, { shape, data }]) => {
      return [name, tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32')];
    }),
  );
}

async function toHost(tensors: TensorRecord): Promise<Map<string, HostTensor>> {
  const host = new Map<string, HostTensor>();
  for (const [name, tensor] of Object.entries(tensors)) {
    const data = (await tensor.data()) as Float32Array | Int32Array;
    // Constants and other results may share storage.
    host.set(name, { shape: tensor.shape, data: data.slice() });
  }
  return host;
}

/**
 * Starts an engine. `cpu` is slow and exact in its order of operations, the oracle of every other engine; `onnx` compiles.
 * @throws {EngineError} when it does not run here
 */
export async function startEngine(name: EngineName | 'auto'): Promise<Execute> {
  // Cases are small and many: no lines about compiling.
  await useEngine({ name, onCompile: () => undefined });
  return async (compute, inputs) => {
    const compiled = compile(compute, { name: 'case' });
    const tensors = toTensors(inputs);
    try {
      const results = await compiled(tensors);
      try {
        return await toHost(results);
      } finally {
        tf.dispose(results);
      }
    } finally {
      tf.dispose(tensors);
      compiled.dispose();
    }
  };
}
