import * as tf from '@tensorflow/tfjs-core';
import type { HostType } from '../ir/graph.js';
import { traceBackend, traceBackendName, type TraceSession } from './trace-backend.js';

/** What TensorFlow.js passes to a kernel. */
interface KernelCall {
  readonly inputs: tf.NamedTensorInfoMap;
  readonly attrs?: tf.NamedAttrMap;
}

/** The part of the cpu backend that makes tensors. */
interface CpuBackend extends tf.KernelBackend {
  makeTensorInfo(shape: number[], dtype: tf.DataType, values: tf.TypedArray): tf.TensorInfo;
}

/**
 * Records constants of 0 in place of a kernel's results. TensorFlow.js's own kernel tells their
 * shapes: it runs on zeros in plain JavaScript.
 */
export function recordStandIn(
  session: TraceSession,
  kernelName: string,
  { inputs, attrs }: KernelCall,
): tf.TensorInfo | tf.TensorInfo[] {
  const cpu = tf.findBackend('cpu') as CpuBackend;
  const zeros = ({ shape, dtype }: tf.TensorInfo): tf.TensorInfo =>
    cpu.makeTensorInfo(shape, dtype, tf.util.makeZerosTypedArray(tf.util.sizeFromShape(shape), dtype as HostType));
  const given: tf.NamedTensorInfoMap = {};
  for (const [name, input] of Object.entries(inputs)) given[name] = input && zeros(input);
  const { kernelFunc } = tf.getKernel(kernelName, 'cpu');
  const computed = kernelFunc({ inputs: given, attrs: attrs ?? {}, backend: cpu });
  const results = [computed].flat();
  const standIns = results.map(({ shape, dtype }) =>
    session.bind(session.builder.splat(0, [...shape], dtype as HostType)),
  );
  for (const info of [...Object.values(given), ...results]) if (info) cpu.disposeData(info.dataId, true);
  return Array.isArray(computed) ? standIns : standIns[0]!;
}

/**
 * Runs `run` while the recording backend has every kernel of the cpu backend; those that it cannot
 * record have stand-ins.
 */
export function withStandIns<T>(run: () => T): T {
  const missing = tf
    .getKernelsForBackend('cpu')
    .map(({ kernelName }) => kernelName)
    .filter((kernelName) => !tf.getKernel(kernelName, traceBackendName));
  for (const kernelName of missing) {
    tf.registerKernel({
      kernelName,
      backendName: traceBackendName,
      kernelFunc: (call) => {
        const session = traceBackend().active;
        session.observer?.onKernel(kernelName, 'missing');
        return recordStandIn(session, kernelName, call);
      },
    });
  }
  try {
    return run();
  } finally {
    for (const kernelName of missing) tf.unregisterKernel(kernelName, traceBackendName);
  }
}
