import * as tf from '@tensorflow/tfjs-core';
import { elementCount } from '@vitvq/core';

const kernelName = 'UnsortedSegmentSum';

/**
 * Registers the sum over segments, which is the gradient of gather, for the wasm backend of
 * TensorFlow.js 4.22: it is the only one that lacks it. The memory of that backend is the host's,
 * so that a loop over it is what a kernel of its own would do.
 */
export function registerWasmSegmentSum(): void {
  if (tf.getKernel(kernelName, 'wasm')) return;
  tf.registerKernel({ kernelName, backendName: 'wasm', kernelFunc: sumSegments });
}

/** Segments outside of [0, numSegments) are left out, as in TensorFlow. */
const sumSegments: tf.KernelFunc = ({ inputs, attrs, backend }) => {
  const { x, segmentIds } = inputs as { x: tf.TensorInfo; segmentIds: tf.TensorInfo };
  const { numSegments } = attrs as { numSegments: number };
  const memory = backend as tf.KernelBackend;
  const values = memory.readSync(x.dataId) as Float32Array | Int32Array;
  const segments = memory.readSync(segmentIds.dataId) as Int32Array;
  const rest = x.shape.slice(segmentIds.shape.length);
  const width = elementCount(rest);
  const sums = x.dtype === 'int32' ? new Int32Array(numSegments * width) : new Float32Array(numSegments * width);
  segments.forEach((segment, row) => {
    if (segment < 0 || segment >= numSegments) return;
    for (let column = 0; column < width; column++) {
      sums[segment * width + column]! += values[row * width + column]!;
    }
  });
  const shape = [numSegments, ...rest];
  return { dataId: memory.write(sums, shape, x.dtype), shape, dtype: x.dtype };
};
