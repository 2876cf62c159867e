/**
 * Kernels of matrix products and convolutions; TensorFlow.js's three convolution kernels are one
 * primitive.
 */
import * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../ir/builder.js';
import type { Value } from '../ir/graph.js';
import { CompileError } from '../errors.js';
import type { KernelTable, TracedKernel } from './kernel-table.js';

/** Attributes that the kernels Conv2D, Conv2DBackpropInput and Conv2DBackpropFilter share. */
interface ConvolutionKernelAttributes {
  strides?: number | [number, number];
  pad?: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  dataFormat?: 'NHWC' | 'NCHW';
  dilations?: number | [number, number];
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  inputShape?: [number, number, number, number];
  filterShape?: [number, number, number, number];
}
type Shape4D = [number, number, number, number];

/** Computes padding, strides and dilations as TensorFlow.js does. */
function info(
  imageShape: readonly number[],
  filterShape: readonly number[],
  attributes: ConvolutionKernelAttributes,
): tf.backend_util.Conv2DInfo {
  const { strides, pad, dataFormat = 'NHWC', dilations = 1, dimRoundingMode } = attributes;
  if (dataFormat !== 'NHWC') {
    throw new CompileError({
      where: 'tf.conv2d',
      expected: 'dataFormat NHWC',
      got: dataFormat,
      fix: 'Transpose first.',
    });
  }
  if (dimRoundingMode !== undefined && dimRoundingMode !== 'floor') {
    throw new CompileError({
      where: 'tf.conv2d',
      expected: 'sizes that are rounded down (dimRoundingMode "floor", or none)',
      got: `"${dimRoundingMode}"`,
      fix: 'Pad the image by what is missing.',
    });
  }
  return tf.backend_util.computeConv2DInfo(
    [...imageShape] as Shape4D,
    [...filterShape] as Shape4D,
    strides!,
    dilations,
    pad!,
    dimRoundingMode,
  );
}

/** Writes a convolution. */
function convolution(b: GraphBuilder, x: Value, filter: Value, attributes: ConvolutionKernelAttributes): Value {
  const { padInfo, strideHeight, strideWidth, dilationHeight, dilationWidth } = info(x.shape, filter.shape, attributes);
  return b.convolution(x, filter, {
    layout: 'channels_last',
    padding: [padInfo.top, padInfo.left, padInfo.bottom, padInfo.right],
    strides: [strideHeight, strideWidth],
    lhsDilation: [1, 1],
    rhsDilation: [dilationHeight, dilationWidth],
  });
}

/**
 * Writes the gradient of the image: a convolution of the dilated output gradient with the flipped
 * kernel.
 */
function convolutionInputGradient(
  b: GraphBuilder,
  dy: Value,
  filter: Value,
  attributes: ConvolutionKernelAttributes,
): Value {
  const imageShape = attributes.inputShape!;
  const found = info(imageShape, filter.shape, attributes);
  const strides: [number, number] = [found.strideHeight, found.strideWidth];
  const dilations: [number, number] = [found.dilationHeight, found.dilationWidth];
  const reach = [0, 1].map((axis) => (filter.shape[axis]! - 1) * dilations[axis]!);
  const low = [reach[0]! - found.padInfo.top, reach[1]! - found.padInfo.left];
  const high = [0, 1].map(
    (axis) => imageShape[axis + 1]! - ((dy.shape[axis + 1]! - 1) * strides[axis]! + 1) - low[axis]! + reach[axis]!,
  );
  const flipped = b.transpose(b.reverse(filter, [0, 1]), [0, 1, 3, 2]);
  return b.convolution(dy, flipped, {
    layout: 'channels_last',
    padding: [low[0]!, low[1]!, high[0]!, high[1]!],
    strides: [1, 1],
    lhsDilation: strides,
    rhsDilation: dilations,
  });
}

/**
 * Writes the gradient of the kernel: a convolution of the image with the output gradient as kernel
 * and the channels as batch.
 */
function convolutionFilterGradient(
  b: GraphBuilder,
  x: Value,
  dy: Value,
  attributes: ConvolutionKernelAttributes,
): Value {
  const filterShape = attributes.filterShape!;
  const found = info(x.shape, filterShape, attributes);
  const strides: [number, number] = [found.strideHeight, found.strideWidth];
  const low = [found.padInfo.top, found.padInfo.left];
  const dilations: [number, number] = [found.dilationHeight, found.dilationWidth];
  const high = [0, 1].map(
    (axis) =>
      (filterShape[axis]! - 1) * dilations[axis]! +
      1 -
      x.shape[axis + 1]! -
      low[axis]! +
      (dy.shape[axis + 1]! - 1) * strides[axis]!,
  );
  const image = b.transpose(x, [3, 1, 2, 0]); // [C, H, W, B]
  const kernel = b.transpose(dy, [1, 2, 0, 3]); // [OH, OW, B, O]
  const gradient = b.convolution(image, kernel, {
    layout: 'channels_last',
    padding: [low[0]!, low[1]!, high[0]!, high[1]!],
    strides: dilations,
    lhsDilation: [1, 1],
    rhsDilation: strides,
  }); // [C, KH, KW, O]
  return b.transpose(gradient, [1, 2, 0, 3]);
}

/** Writes an einsum of one or two operands, in each of which a label occurs at most once. */
function einsum(b: GraphBuilder, equation: string, operands: readonly Value[]): Value {
  const [left, output] = equation.replace(/\s/g, '').split('->') as [string, string | undefined];
  const labels = left.split(',').map((part) => [...part]);
  const refuse = (expected: string): never => {
    throw new CompileError({ where: 'tf.einsum', expected, got: equation, fix: 'Write it with matMul and transpose.' });
  };
  if (output === undefined || output.includes('.')) return refuse('an explicit output without ellipsis');
  if (labels.some((part) => new Set(part).size !== part.length)) return refuse('each label once an operand');
  if (operands.length > 2) return refuse('one or two operands');
  const wanted = [...output];

  // Labels that only one operand has, and not the output, are summed first.
  const parts = operands.map((operand, index): Labelled => {
    const others = new Set([...wanted, ...labels.filter((_, other) => other !== index).flat()]);
    const axes = labels[index]!.flatMap((label, axis) => (others.has(label) ? [] : [axis]));
    return {
      value: b.reduce('sum', operand, axes),
      labels: labels[index]!.filter((label) => others.has(label)),
    };
  });
  const result = parts.length === 2 ? product(b, parts as [Labelled, Labelled], wanted) : parts[0]!;
  return b.transpose(
    result.value,
    wanted.map((label) => result.labels.indexOf(label)),
  );
}

/** A tensor with a label for each axis. */
interface Labelled {
  readonly value: Value;
  readonly labels: readonly string[];
}

/** Multiplies two tensors and sums over the shared labels that are not wanted. */
function product(b: GraphBuilder, [x, y]: readonly [Labelled, Labelled], wanted: readonly string[]): Labelled {
  const shared = x.labels.filter((label) => y.labels.includes(label));
  const batch = shared.filter((label) => wanted.includes(label));
  const contract = shared.filter((label) => !wanted.includes(label));
  const axes = ({ labels }: Labelled, chosen: readonly string[]): number[] =>
    chosen.map((label) => labels.indexOf(label));
  const value = b.dotGeneral(x.value, y.value, {
    lhsBatch: axes(x, batch),
    rhsBatch: axes(y, batch),
    lhsContract: axes(x, contract),
    rhsContract: axes(y, contract),
  });
  const free = ({ labels }: Labelled): string[] => labels.filter((label) => !shared.includes(label));
  return { value, labels: [...batch, ...free(x), ...free(y)] };
}

const matMul: TracedKernel = (
  b,
  inputs,
  { transposeA, transposeB }: { transposeA?: boolean; transposeB?: boolean },
) => {
  const [x, y] = [inputs['a']!, inputs['b']!];
  const batch = tf.broadcast_util.assertAndGetBroadcastShape([...x.shape.slice(0, -2)], [...y.shape.slice(0, -2)]);
  const spread = (value: Value): Value => b.broadcastTo(value, [...batch, ...value.shape.slice(-2)]);
  const axes = batch.map((_, axis) => axis);
  const rank = batch.length;
  return b.dotGeneral(spread(x), spread(y), {
    lhsBatch: axes,
    rhsBatch: axes,
    lhsContract: [transposeA ? rank : rank + 1],
    rhsContract: [transposeB ? rank + 1 : rank],
  });
};

/** Kernels of matrix products and convolutions. */
export const linearKernels: KernelTable = {
  BatchMatMul: matMul,
  Einsum: (b, inputs, { equation }: { equation?: string }) => einsum(b, equation!, Object.values(inputs)),
  Conv2D: (b, { x, filter }, attributes) => convolution(b, x!, filter!, attributes),
  Conv2DBackpropInput: (b, { dy, filter }, attributes) => convolutionInputGradient(b, dy!, filter!, attributes),
  Conv2DBackpropFilter: (b, { x, dy }, attributes) => convolutionFilterGradient(b, x!, dy!, attributes),
};
