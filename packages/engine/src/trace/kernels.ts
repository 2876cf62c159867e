import * as tf from '@tensorflow/tfjs-core';
import { CompileError } from '../errors.js';
import type { Value } from '../ir/graph.js';
import type { KernelTable, TracedKernel } from './kernel-table.js';
import { elementwiseKernels } from './kernels-elementwise.js';
import { linearKernels } from './kernels-linear.js';
import { movementKernels } from './kernels-movement.js';
import { reductionKernels } from './kernels-reduction.js';
import { recordStandIn } from './stand-ins.js';
import { traceBackend, traceBackendName, type TraceSession } from './trace-backend.js';

/**
 * How each TensorFlow.js kernel is written in primitives. A kernel that is missing here cannot be
 * compiled.
 */
const kernels: KernelTable = { ...elementwiseKernels, ...reductionKernels, ...movementKernels, ...linearKernels };

let registered = false;

/** Registers every kernel of the trace backend, once. */
export function registerTraceKernels(): void {
  if (registered) return;
  registered = true;
  for (const [name, traced] of Object.entries(kernels)) registerKernel(name, traced);
}

function registerKernel(kernelName: string, traced: TracedKernel): void {
  tf.registerKernel({
    kernelName,
    backendName: traceBackendName,
    kernelFunc: ({ inputs, attrs }) => {
      const session = traceBackend().active;
      const { observer } = session;
      try {
        const recorded = record(session, traced, inputs, attrs);
        observer?.onKernel(kernelName, undefined);
        return recorded;
      } catch (error) {
        if (!observer || !(error instanceof CompileError)) throw error;
        observer.onKernel(kernelName, error);
        return recordStandIn(session, kernelName, { inputs, attrs: attrs ?? {} });
      }
    },
  });
}

/** Appends a kernel to the graph of a session. */
function record(
  session: TraceSession,
  traced: TracedKernel,
  inputs: tf.NamedTensorInfoMap,
  attributes: tf.NamedAttrMap | undefined,
): tf.TensorInfo | tf.TensorInfo[] {
  const values: Record<string, Value> = {};
  for (const [name, input] of Object.entries(inputs)) {
    if (input !== undefined && input !== null) values[name] = session.value(input);
  }
  const result = traced(session.builder, values, attributes ?? {});
  return Array.isArray(result) ? result.map((value) => session.bind(value)) : session.bind(result);
}
