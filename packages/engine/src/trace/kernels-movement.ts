/** Kernels that move elements: shapes, slices, joins, indices. */
import * as tf from '@tensorflow/tfjs-core';
import { CompileError } from '../errors.js';
import { sizeOf } from '../ir/graph.js';
import { axesOf, axisOf, insertAxis, sliceAxis, type KernelTable, type TracedKernel } from './kernel-table.js';

/** Gives the helpers of TensorFlow.js, which want a tensor, the shape of a value. */
const withShape = ({ shape }: { readonly shape: readonly number[] }): tf.Tensor => ({ shape: [...shape] }) as tf.Tensor;

const tile: TracedKernel = (b, { x }, { reps }: { reps?: number[] }) => {
  // Each axis becomes (repeats, size), and both are merged again.
  const shape = x!.shape.flatMap((size, axis) => [reps![axis]!, size]);
  const dimensions = x!.shape.map((_, axis) => 2 * axis + 1);
  const repeated = b.broadcastInDim(x!, shape, dimensions);
  return b.reshape(
    repeated,
    x!.shape.map((size, axis) => size * reps![axis]!),
  );
};

const stridedSlice: TracedKernel = (b, { x }, attributes) => {
  const { begin, end, strides, finalShape, isSimpleSlice, sliceDim0 } = tf.slice_util.sliceInfo(
    [...x!.shape],
    attributes['begin'] as number[],
    attributes['end'] as number[],
    attributes['strides'] as number[],
    attributes['beginMask'] as number,
    attributes['endMask'] as number,
    attributes['ellipsisMask'] as number,
    attributes['newAxisMask'] as number,
    attributes['shrinkAxisMask'] as number,
  );
  if (!isSimpleSlice && !sliceDim0 && strides.some((stride) => stride < 0)) {
    throw new CompileError({
      where: 'tf.stridedSlice',
      expected: 'positive strides',
      got: `[${strides.join()}]`,
      fix: 'Use tf.reverse first.',
    });
  }
  return b.reshape(b.slice(x!, begin, end, strides), finalShape);
};

const shapes: KernelTable = {
  Reshape: (b, { x }, { shape }: { shape?: number[] }) =>
    b.reshape(x!, tf.util.inferFromImplicitShape(shape!, sizeOf(x!.shape))),
  ExpandDims: (b, { input }, { dim }: { dim?: number }) => b.reshape(input!, insertAxis(input!.shape, dim!)),
  Transpose: (b, { x }, { perm }: { perm?: number[] }) => b.transpose(x!, perm!),
  Reverse: (b, { x }, { dims }: { dims?: number | number[] }) => b.reverse(x!, axesOf(x!, dims)),
  Tile: tile,
};

const joins: KernelTable = {
  Concat: (b, inputs, { axis }: { axis?: number }) => {
    const xs = Object.values(inputs);
    return b.concatenate(xs, axisOf(xs[0]!, axis!));
  },
  Pack: (b, inputs, { axis }: { axis?: number }) => {
    const xs = Object.values(inputs);
    const at = axis! < 0 ? axis! + xs[0]!.shape.length + 1 : axis!;
    return b.concatenate(
      xs.map((x) => b.reshape(x, insertAxis(x.shape, at))),
      at,
    );
  },
  Unpack: (b, { value }, { axis }: { axis?: number }) => {
    const at = axisOf(value!, axis!);
    const shape = value!.shape.filter((_, index) => index !== at);
    return Array.from({ length: value!.shape[at]! }, (_, index) =>
      b.reshape(sliceAxis(b, value!, at, index, index + 1), shape),
    );
  },
  SplitV: (b, { x }, { numOrSizeSplits, axis }: { numOrSizeSplits?: number | number[]; axis?: number }) => {
    const at = axisOf(x!, axis!);
    const sizes = tf.backend_util.prepareSplitSize(withShape(x!), numOrSizeSplits!, at);
    let start = 0;
    return sizes.map((size) => sliceAxis(b, x!, at, start, (start += size)));
  },
};

const slices: KernelTable = {
  Slice: (b, { x }, { begin, size }: { begin?: number | number[]; size?: number | number[] }) => {
    const [start, sizes] = tf.slice_util.parseSliceParams(withShape(x!), begin!, size) as [number[], number[]];
    return b.slice(
      x!,
      start,
      start.map((from, axis) => from + sizes[axis]!),
    );
  },
  StridedSlice: stridedSlice,
  PadV2: (b, { x }, { paddings, constantValue }: { paddings?: [number, number][]; constantValue?: number }) =>
    b.pad(
      x!,
      paddings!.map(([low]) => low),
      paddings!.map(([, high]) => high),
      constantValue ?? 0,
    ),
};

const indexing: KernelTable = {
  GatherV2: (b, { x, indices }, { axis, batchDims }: { axis?: number; batchDims?: number }) => {
    if (batchDims) {
      throw new CompileError({
        where: 'tf.gather',
        expected: 'batchDims of 0',
        got: String(batchDims),
        fix: 'Add an offset per batch item to the indices and gather from the flattened tensor.',
      });
    }
    return b.gather(x!, b.convert(indices!, 'int32'), axisOf(x!, axis!));
  },
  UnsortedSegmentSum: (b, { x, segmentIds }, { numSegments }: { numSegments?: number }) => {
    const rows = sizeOf(segmentIds!.shape);
    const row = x!.shape.slice(segmentIds!.shape.length);
    return b.scatterAdd(
      b.splat(0, [numSegments!, ...row]),
      b.reshape(segmentIds!, [rows]),
      b.reshape(b.convert(x!, 'float32'), [rows, ...row]),
    );
  },
};

/** Kernels that move elements: shapes, slices, joins, indices. */
export const movementKernels: KernelTable = { ...shapes, ...joins, ...slices, ...indexing };
