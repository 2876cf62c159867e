import type * as tf from '@tensorflow/tfjs-core';
import { wrapKernels, type KernelWrapper } from './wrap-kernels.js';

/** Kernels of two spatial axes that take padding. */
const paddedKernels = [
  'Conv2D',
  'Conv2DBackpropFilter',
  'Conv2DBackpropInput',
  'FusedConv2D',
  'DepthwiseConv2dNative',
  'DepthwiseConv2dNativeBackpropFilter',
  'DepthwiseConv2dNativeBackpropInput',
  'FusedDepthwiseConv2D',
  'AvgPool',
  'AvgPoolGrad',
  'MaxPool',
  'MaxPoolGrad',
] as const;

/**
 * Writes a number as padding out as a list, since TensorFlow.js 4.22 computes the width of the
 * output from the height of the kernel and the vertical stride where padding is a number.
 */
const explicit: KernelWrapper = (run) => (call) => {
  const { pad, dataFormat } = call.attrs as { pad?: unknown; dataFormat?: string };
  if (typeof pad !== 'number') return run(call);
  const [none, both] = [
    [0, 0],
    [pad, pad],
  ];
  const paddings = dataFormat === 'NCHW' ? [none, none, both, both] : [none, both, both, none];
  return run({ ...call, attrs: { ...call.attrs, pad: paddings as unknown as tf.Attribute } });
};

const mended = new Set<string>();

/** Makes convolutions and pooling of a TensorFlow.js backend right for every kernel and stride. */
export function mendPadding(backendName: string): void {
  if (mended.has(backendName)) return;
  mended.add(backendName);
  wrapKernels(backendName, Object.fromEntries(paddedKernels.map((name) => [name, explicit])));
}
