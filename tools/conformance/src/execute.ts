import * as tf from '@tensorflow/tfjs';
import type { HostTensor } from '@vitvq/core';

export type TensorRecord = Record<string, tf.Tensor>;

/** Plain tensor code: named tensors in, named tensors out. Reads variables, keeps nothing. */
export type Compute = (inputs: TensorRecord) => TensorRecord;

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

/** The tfjs backend `cpu`: slow, exact in its order of operations, the oracle of every other engine. */
export const executeOnCpu: Execute = async (compute, inputs) => {
  await tf.setBackend('cpu');
  const tensors = toTensors(inputs);
  const results = tf.tidy(() => compute(tensors));
  try {
    return await toHost(results);
  } finally {
    tf.dispose([tensors, results]);
  }
};
