import * as tf from '@tensorflow/tfjs-core';
import type { KernelWrapper } from './wrap-kernels.js';

/** Rows before and behind each axis. */
type Paddings = [before: number, behind: number][];

/** A kernel with padding `valid`, as a function. */
type ValidKernel = (inputs: tf.NamedTensorMap, attributes?: tf.NamedAttrMap) => tf.Tensor;

/** Computes a kernel with padding around its image by the same kernel without. */
type PaddingRule = (
  kernel: ValidKernel,
  inputs: tf.NamedTensorMap,
  paddings: Paddings,
  attributes: tf.NamedAttrMap,
) => tf.Tensor;

/** Attributes of a kernel that padding depends on. */
interface PaddingAttributes {
  readonly pad?: 'valid' | 'same' | number | Paddings;
  readonly strides?: number | number[];
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly dataFormat?: string;
}

/** Returns a gradient of the padded image without the padding. */
function crop(gradient: tf.Tensor, shape: number[], paddings: Paddings): tf.Tensor {
  const from = paddings.map(([before]) => before);
  return tf.slice(gradient, from, shape);
}

/** The image is padded with zeros; the result is that of the output, or of the filter. */
const padded: PaddingRule = (kernel, { x, ...others }, paddings) => kernel({ ...others, x: tf.pad(x!, paddings) });

/** The gradient of the image is that of the padded image without the padding. */
const cropped: PaddingRule = (kernel, inputs, paddings, attributes) => {
  const shape = attributes['inputShape'] as number[];
  const inputShape = shape.map((size, axis) => size + paddings[axis]![0] + paddings[axis]![1]);
  return crop(kernel(inputs, { inputShape }), shape, paddings);
};

/** Padding is never the largest value. */
const largest: PaddingRule = (kernel, { x }, paddings) => kernel({ x: tf.pad(x!, paddings, -Infinity) });

const largestGradient: PaddingRule = (kernel, { dy, input, output }, paddings) =>
  crop(kernel({ dy: dy!, input: tf.pad(input!, paddings, -Infinity), output: output! }), input!.shape, paddings);

/** What pads is not counted in the average, so that it is divided by its share of the window. */
const average: PaddingRule = (kernel, { x }, paddings) => {
  const inside = tf.pad(tf.onesLike(x!), paddings);
  return tf.div(kernel({ x: tf.pad(x!, paddings) }), kernel({ x: inside }));
};

/**
 * Rules by kernel. Gradients of averages and of the largest in volumes have none: the cpu backend
 * of TensorFlow.js computes others, also without padding.
 */
const rules: Readonly<Record<string, PaddingRule>> = {
  Conv2D: padded,
  Conv2DBackpropFilter: padded,
  Conv2DBackpropInput: cropped,
  FusedConv2D: padded,
  DepthwiseConv2dNative: padded,
  DepthwiseConv2dNativeBackpropFilter: padded,
  DepthwiseConv2dNativeBackpropInput: cropped,
  FusedDepthwiseConv2D: padded,
  Conv3D: padded,
  Conv3DBackpropFilterV2: padded,
  Conv3DBackpropInputV2: cropped,
  MaxPool: largest,
  MaxPoolGrad: largestGradient,
  MaxPool3D: largest,
  AvgPool: average,
  AvgPool3D: average,
};

/** Returns the padding of each axis of an image of some rank. */
function paddingsOf({ pad, strides = 1, dimRoundingMode, dataFormat }: PaddingAttributes, rank: number): Paddings {
  const first = dataFormat?.startsWith('NC') ? 2 : 1;
  return Array.from({ length: rank }, (_, axis) => {
    const isSpatial = axis >= first && axis < first + rank - 2;
    if (!isSpatial) return [0, 0];
    const [before, behind] = typeof pad === 'number' ? [pad, pad] : (pad as Paddings)[axis]!;
    const stride = typeof strides === 'number' ? strides : strides[axis - first]!;
    // TensorFlow leaves out a last window that is not complete.
    const rounding = { floor: 0, round: Math.floor(stride / 2), ceil: stride - 1 }[dimRoundingMode ?? 'floor'];
    return [before, behind + rounding];
  });
}

/**
 * Wrappers for kernels of the Node package, which refuses or mistakes padding that is a number or a
 * list: the image is padded, or the padding cut off, around the kernel without padding.
 */
export const paddingWrappers: Readonly<Record<string, KernelWrapper>> = Object.fromEntries(
  Object.entries(rules).map(([name, rule]): [string, KernelWrapper] => [
    name,
    (run) => (call) => {
      const attributes = call.attrs as tf.NamedAttrMap & PaddingAttributes;
      if (typeof attributes.pad === 'string') return run(call);
      const inputs = call.inputs as tf.NamedTensorMap;
      const image = inputs['x'] ?? inputs['input'] ?? inputs['dy']!;
      const paddings = paddingsOf(attributes, image.rank);
      const valid: tf.NamedAttrMap = { ...call.attrs, pad: 'valid' };
      delete valid['dimRoundingMode'];
      const kernel: ValidKernel = (tensors, others) =>
        run({ ...call, inputs: tensors, attrs: { ...valid, ...others } }) as tf.Tensor;
      if (paddings.flat().every((rows) => rows === 0)) return kernel(inputs);
      return tf.tidy(() => rule(kernel, inputs, paddings, call.attrs!));
    },
  ]),
);
