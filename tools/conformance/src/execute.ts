import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from '@vitvq/core';
import { compile, useEngine, type EngineName } from '@vitvq/engine';

export type TensorRecord = Record<string, tf.Tensor>;

/** Tensor code with named inputs and outputs. It reads variables and keeps no tensors. */
type Compute = (inputs: TensorRecord) => TensorRecord;

/** A computation that is compiled once and can run many times. */
export interface Prepared {
  run(inputs: ReadonlyMap<string, HostTensor>): Promise<Map<string, HostTensor>>;
  dispose(): void;
}

/**
 * Runs `compute` on an engine. Inputs and outputs are in host memory. Variables that `compute`
 * assigns keep their new values.
 */
export interface Execute {
  (compute: Compute, inputs: ReadonlyMap<string, HostTensor>): Promise<Map<string, HostTensor>>;
  prepare(compute: Compute): Prepared;
}

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
 * Starts an engine. `cpu` is slow and runs operations in their exact order; it is the reference for
 * every other engine. `onnx` compiles.
 * @throws {EngineError} when the engine does not run on this machine
 */
export async function startEngine(name: EngineName | 'auto'): Promise<Execute> {
  // Messages about compiling are off, because there are many small cases.
  await useEngine({ name, onCompile: () => undefined });
  const prepare = (compute: Compute): Prepared => {
    const compiled = compile(compute, { name: 'case' });
    return {
      run: async (inputs) => {
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
        }
      },
      dispose: () => compiled.dispose(),
    };
  };
  const execute = async (
    compute: Compute,
    inputs: ReadonlyMap<string, HostTensor>,
  ): Promise<Map<string, HostTensor>> => {
    const prepared = prepare(compute);
    try {
      return await prepared.run(inputs);
    } finally {
      prepared.dispose();
    }
  };
  return Object.assign(execute, { prepare });
}
