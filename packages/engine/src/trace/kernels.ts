/** How each TensorFlow.js kernel is written in primitives. A kernel that is missing here cannot be compiled. */
import * as tf from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../ir/builder.js';
import {
  sizeOf,
  typedArray,
  type BinaryName,
  type CompareDirection,
  type DType,
  type UnaryName,
  type Value,
} from '../ir/graph.js';
import { CompileError } from '../errors.js';
import { traceBackend, traceBackendName } from './trace-backend.js';
import { convolution, convolutionFilterGradient, convolutionInputGradient, einsum } from './kernels-linear.js';

/** Attributes of a TensorFlow.js kernel; each kernel knows its own. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tfjs types kernel attributes as any; every use names its field's type
type KernelAttributes = Record<string, any>;
type Traced = (builder: GraphBuilder, inputs: Record<string, Value>, attributes: KernelAttributes) => Value | Value[];

function kernel(kernelName: string, traced: Traced): void {
  tf.registerKernel({
    kernelName,
    backendName: traceBackendName,
    kernelFunc: ({ inputs, attrs }) => {
      const session = traceBackend().active;
      const values: Record<string, Value> = {};
      for (const [name, input] of Object.entries(inputs)) {
        if (input !== undefined && input !== null) values[name] = session.value(input);
      }
      const result = traced(session.builder, values, attrs ?? {});
      return Array.isArray(result) ? result.map((value) => session.bind(value)) : session.bind(result);
    },
  });
}

const axesOf = (x: Value, axis: number | number[] | undefined): number[] =>
  tf.util.parseAxisParam(axis ?? x.shape.map((_, index) => index), [...x.shape]);
const axisOf = (x: Value, axis: number): number => tf.util.parseAxisParam(axis, [...x.shape])[0]!;
const insertAxis = (shape: readonly number[], axis: number, size = 1): number[] => {
  const at = axis < 0 ? axis + shape.length + 1 : axis;
  return [...shape.slice(0, at), size, ...shape.slice(at)];
};
const withSize = (shape: readonly number[], axis: number, size: number): number[] =>
  shape.map((old, index) => (index === axis ? size : old));
const like = (builder: GraphBuilder, x: Value, number: number): Value => builder.splat(number, x.shape, x.dtype);
const toFloat = (builder: GraphBuilder, x: Value): Value => builder.convert(x, 'float32');

const unary: Record<string, UnaryName> = {
  Neg: 'negate',
  Exp: 'exponential',
  Log: 'log',
  Log1p: 'log_plus_one',
  Sqrt: 'sqrt',
  Rsqrt: 'rsqrt',
  Abs: 'abs',
  Sign: 'sign',
  Floor: 'floor',
  Ceil: 'ceil',
  Round: 'round_nearest_even',
  Tanh: 'tanh',
  Sigmoid: 'logistic',
  Erf: 'erf',
  Sin: 'sine',
  Cos: 'cosine',
  LogicalNot: 'not',
  IsNan: 'is_nan',
};
const binary: Record<string, BinaryName> = {
  Add: 'add',
  Sub: 'subtract',
  Multiply: 'multiply',
  RealDiv: 'divide',
  Maximum: 'maximum',
  Minimum: 'minimum',
  Pow: 'power',
  LogicalAnd: 'and',
  LogicalOr: 'or',
};
const comparisons: Record<string, CompareDirection> = {
  Equal: 'EQ',
  NotEqual: 'NE',
  Less: 'LT',
  LessEqual: 'LE',
  Greater: 'GT',
  GreaterEqual: 'GE',
};

function registerElementwise(): void {
  for (const [name, kind] of Object.entries(unary)) kernel(name, (b, { x }) => b.unary(kind, x!));
  for (const [name, kind] of Object.entries(binary)) kernel(name, (b, inputs) => b.binary(kind, inputs.a!, inputs.b!));
  for (const [name, direction] of Object.entries(comparisons)) {
    // Order is an order of numbers.
    const operand = (b: GraphBuilder, x: Value): Value => (x.dtype === 'bool' ? b.convert(x, 'int32') : x);
    kernel(name, (b, inputs) => b.compare(direction, operand(b, inputs.a!), operand(b, inputs.b!)));
  }
  kernel('Cast', (b, { x }, { dtype }: { dtype?: DType }) =>
    dtype === 'bool' ? b.compare('NE', x!, like(b, x!, 0)) : b.convert(x!, dtype ?? 'float32'),
  );
  kernel('Square', (b, { x }) => b.binary('multiply', x!, x!));
  kernel('Reciprocal', (b, { x }) => b.binary('divide', like(b, x!, 1), x!));
  kernel('SquaredDifference', (b, inputs) => {
    const difference = b.binary('subtract', inputs.a!, inputs.b!);
    return b.binary('multiply', difference, difference);
  });
  kernel('Expm1', (b, { x }) => b.binary('subtract', b.unary('exponential', x!), like(b, x!, 1)));
  kernel('Relu', (b, { x }) => b.binary('maximum', x!, like(b, x!, 0)));
  kernel('Relu6', (b, { x }) => b.binary('minimum', b.binary('maximum', x!, like(b, x!, 0)), like(b, x!, 6)));
  kernel('LeakyRelu', (b, { x }, { alpha }: { alpha?: number }) =>
    b.select(b.compare('GE', x!, like(b, x!, 0)), x!, b.binary('multiply', x!, like(b, x!, alpha ?? 0))),
  );
  kernel('Elu', (b, { x }) =>
    b.select(b.compare('GE', x!, like(b, x!, 0)), x!, b.binary('subtract', b.unary('exponential', x!), like(b, x!, 1))),
  );
  kernel('EluGrad', (b, { dy, y }) =>
    b.select(b.compare('GE', y!, like(b, y!, 0)), dy!, b.binary('multiply', dy!, b.binary('add', y!, like(b, y!, 1)))),
  );
  kernel('Step', (b, { x }, { alpha }: { alpha?: number }) =>
    b.select(b.compare('GT', x!, like(b, x!, 0)), like(b, x!, 1), like(b, x!, alpha ?? 0)),
  );
  // max(x, 0) + log1p(exp(-|x|)): the same value, without overflow.
  kernel('Softplus', (b, { x }) =>
    b.binary(
      'add',
      b.binary('maximum', x!, like(b, x!, 0)),
      b.unary('log_plus_one', b.unary('exponential', b.unary('negate', b.unary('abs', x!)))),
    ),
  );
  kernel('ClipByValue', (b, { x }, { clipValueMin, clipValueMax }: { clipValueMin?: number; clipValueMax?: number }) =>
    b.binary('minimum', b.binary('maximum', x!, like(b, x!, clipValueMin!)), like(b, x!, clipValueMax!)),
  );
  kernel('FloorDiv', (b, inputs) => floorDivide(b, inputs.a!, inputs.b!));
  kernel('Mod', (b, inputs) =>
    // The sign of the divisor, as TensorFlow.js has it; the primitive keeps the sign of the dividend.
    b.binary('remainder', b.binary('add', b.binary('remainder', inputs.a!, inputs.b!), inputs.b!), inputs.b!),
  );
  kernel('Select', (b, { condition, t, e }) => b.select(condition!, t!, e!));
  kernel('AddN', (b, inputs) => Object.values(inputs).reduce((sum, x) => b.binary('add', sum, x)));
  kernel('ZerosLike', (b, { x }) => like(b, x!, 0));
  kernel('OnesLike', (b, { x }) => like(b, x!, 1));
  kernel('Identity', (_, { x }) => x!);
}

function floorDivide(b: GraphBuilder, dividend: Value, divisor: Value): Value {
  const quotient = b.binary('divide', dividend, divisor);
  // TensorFlow.js gives integers for floats too.
  if (dividend.dtype === 'float32') return b.convert(b.unary('floor', quotient), 'int32');
  // Integer division rounds towards zero; step down where the remainder has the other sign.
  const rest = b.binary('subtract', dividend, b.binary('multiply', quotient, divisor));
  const zero = b.splat(0, [], 'int32');
  const otherSign = b.compare(
    'NE',
    b.convert(b.compare('LT', rest, zero), 'int32'),
    b.convert(b.compare('LT', divisor, zero), 'int32'),
  );
  const stepDown = b.binary('and', b.compare('NE', rest, zero), otherSign);
  return b.binary('subtract', quotient, b.convert(stepDown, 'int32'));
}

function registerConstants(): void {
  kernel('Fill', (b, _, { shape, value, dtype }: { shape?: number[]; value?: number; dtype?: DType }) =>
    b.splat(value!, shape, dtype ?? 'float32'),
  );
  kernel(
    'Range',
    (b, _, { start, stop, step, dtype }: { start?: number; stop?: number; step?: number; dtype?: DType }) => {
      const values: number[] = [];
      for (let value = start!; step! > 0 ? value < stop! : value > stop!; value += step!) values.push(value);
      return b.values(typedArray(dtype ?? 'float32', values), [values.length], dtype ?? 'float32');
    },
  );
  kernel(
    'OneHot',
    (
      b,
      { indices },
      { depth, onValue, offValue, dtype }: { depth?: number; onValue?: number; offValue?: number; dtype?: DType },
    ) => {
      const type = dtype ?? 'int32';
      const shape = [...indices!.shape, depth!];
      const classes = b.values(typedArray('int32', [...Array(depth).keys()]), [depth!], 'int32');
      const hit = b.compare('EQ', b.reshape(indices!, [...indices!.shape, 1]), classes);
      return b.select(hit, b.splat(onValue ?? 1, shape, type), b.splat(offValue ?? 0, shape, type));
    },
  );
}

function registerReductions(): void {
  const reduction = (name: string, kind: 'sum' | 'max' | 'min' | 'product', key: 'axis' | 'reductionIndices'): void =>
    kernel(name, (b, { x }, attributes) => {
      // TensorFlow.js sums booleans as integers.
      const operand = x!.dtype === 'bool' ? b.convert(x!, 'int32') : x!;
      const reduced = b.reduce(kind, operand, axesOf(x!, attributes[key] as number[]), attributes.keepDims as boolean);
      const staysBoolean = x!.dtype === 'bool' && (kind === 'max' || kind === 'min');
      return staysBoolean ? b.compare('NE', reduced, like(b, reduced, 0)) : reduced;
    });
  reduction('Sum', 'sum', 'axis');
  reduction('Prod', 'product', 'axis');
  reduction('Max', 'max', 'reductionIndices');
  reduction('Min', 'min', 'axis');
  kernel('Mean', (b, { x }, { axis, keepDims }: { axis?: number[]; keepDims?: boolean }) => {
    const axes = axesOf(x!, axis);
    const count = sizeOf(axes.map((each) => x!.shape[each]!));
    const sum = b.reduce('sum', toFloat(b, x!), axes, keepDims);
    return b.binary('divide', sum, b.splat(count, sum.shape));
  });
  for (const [name, kind] of [
    ['All', 'min'],
    ['Any', 'max'],
  ] as const) {
    kernel(name, (b, { x }, { axis, keepDims }: { axis?: number[]; keepDims?: boolean }) => {
      const reduced = b.reduce(kind, b.convert(x!, 'int32'), axesOf(x!, axis), keepDims);
      return b.compare('NE', reduced, b.splat(0, reduced.shape, 'int32'));
    });
  }
  for (const [name, kind] of [
    ['ArgMax', 'max'],
    ['ArgMin', 'min'],
  ] as const) {
    kernel(name, (b, { x }, { axis }: { axis?: number }) => b.argReduce(kind, x!, axisOf(x!, axis!)));
  }
  kernel(
    'Cumsum',
    (b, { x }, { axis, exclusive, reverse }: { axis?: number; exclusive?: boolean; reverse?: boolean }) =>
      b.cumulativeSum(x!, axisOf(x!, axis!), exclusive!, reverse!),
  );
  kernel('TopK', (b, { x }, { k, sorted }: { k?: number; sorted?: boolean }) => b.topK(x!, k!, sorted!));
  kernel('Softmax', (b, { logits }, { dim }: { dim?: number }) => softmax(b, 'softmax', logits!, dim!));
  kernel('LogSoftmax', (b, { logits }, { axis }: { axis?: number }) => softmax(b, 'log_softmax', logits!, axis!));
}

/** Softmax as a composite: every lowering has a kernel for it, and its body says what it means. */
function softmax(outer: GraphBuilder, name: 'softmax' | 'log_softmax', logits: Value, dim: number): Value {
  const axis = axisOf(logits, dim);
  const b = traceBackend().active.nestedBuilder();
  const x = b.input(logits.shape, 'float32');
  const shifted = b.binary('subtract', x, b.reduce('max', x, [axis], true));
  const exponentials = b.unary('exponential', shifted);
  const sum = b.reduce('sum', exponentials, [axis], true);
  const y =
    name === 'softmax' ? b.binary('divide', exponentials, sum) : b.binary('subtract', shifted, b.unary('log', sum));
  return outer.composite({ name, attributes: { axis }, body: b.finish([y]) }, [logits])[0]!;
}

function registerLayout(): void {
  kernel('Reshape', (b, { x }, { shape }: { shape?: number[] }) =>
    b.reshape(x!, tf.util.inferFromImplicitShape(shape!, sizeOf(x!.shape))),
  );
  kernel('ExpandDims', (b, { input }, { dim }: { dim?: number }) => b.reshape(input!, insertAxis(input!.shape, dim!)));
  kernel('Transpose', (b, { x }, { perm }: { perm?: number[] }) => b.transpose(x!, perm!));
  kernel('Reverse', (b, { x }, { dims }: { dims?: number | number[] }) => b.reverse(x!, axesOf(x!, dims)));
  kernel('Tile', (b, { x }, { reps }: { reps?: number[] }) => {
    // Each axis becomes (repeats, size), and both are merged again.
    const shape = x!.shape.flatMap((size, axis) => [reps![axis]!, size]);
    const dimensions = x!.shape.map((_, axis) => 2 * axis + 1);
    return b.reshape(
      b.broadcastInDim(x!, shape, dimensions),
      x!.shape.map((size, axis) => size * reps![axis]!),
    );
  });
  kernel('Concat', (b, inputs, { axis }: { axis?: number }) => {
    const xs = Object.values(inputs);
    const at = axisOf(xs[0]!, axis!);
    return b.concatenate(
      xs.filter((x) => sizeOf(x.shape) > 0),
      at,
    );
  });
  kernel('Pack', (b, inputs, { axis }: { axis?: number }) => {
    const xs = Object.values(inputs);
    const at = axis! < 0 ? axis! + xs[0]!.shape.length + 1 : axis!;
    return b.concatenate(
      xs.map((x) => b.reshape(x, insertAxis(x.shape, at))),
      at,
    );
  });
  kernel('Unpack', (b, { value }, { axis }: { axis?: number }) => {
    const at = axisOf(value!, axis!);
    const shape = value!.shape.filter((_, index) => index !== at);
    return Array.from({ length: value!.shape[at]! }, (_, index) =>
      b.reshape(sliceAxis(b, value!, at, index, index + 1), shape),
    );
  });
  kernel('SplitV', (b, { x }, { numOrSizeSplits, axis }: { numOrSizeSplits?: number | number[]; axis?: number }) => {
    const at = axisOf(x!, axis!);
    const sizes = tf.backend_util.prepareSplitSize({ shape: [...x!.shape] } as tf.Tensor, numOrSizeSplits!, at);
    let start = 0;
    return sizes.map((size) => sliceAxis(b, x!, at, start, (start += size)));
  });
  kernel('Slice', (b, { x }, { begin, size }: { begin?: number | number[]; size?: number | number[] }) => {
    const [start, sizes] = tf.slice_util.parseSliceParams({ shape: [...x!.shape] } as tf.Tensor, begin!, size) as [
      number[],
      number[],
    ];
    return b.slice(
      x!,
      start,
      start.map((from, axis) => from + sizes[axis]!),
    );
  });
  kernel('StridedSlice', (b, { x }, attributes) => {
    const { begin, end, strides, finalShape, isSimpleSlice, sliceDim0 } = tf.slice_util.sliceInfo(
      [...x!.shape],
      attributes.begin as number[],
      attributes.end as number[],
      attributes.strides as number[],
      attributes.beginMask as number,
      attributes.endMask as number,
      attributes.ellipsisMask as number,
      attributes.newAxisMask as number,
      attributes.shrinkAxisMask as number,
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
  });
  kernel('PadV2', (b, { x }, { paddings, constantValue }: { paddings?: [number, number][]; constantValue?: number }) =>
    b.pad(
      x!,
      paddings!.map(([low]) => low),
      paddings!.map(([, high]) => high),
      constantValue ?? 0,
    ),
  );
}

function sliceAxis(b: GraphBuilder, x: Value, axis: number, from: number, to: number): Value {
  return b.slice(
    x,
    x.shape.map((_, index) => (index === axis ? from : 0)),
    withSize(x.shape, axis, to),
  );
}

function registerIndexing(): void {
  kernel('GatherV2', (b, { x, indices }, { axis, batchDims }: { axis?: number; batchDims?: number }) => {
    if (batchDims) {
      throw new CompileError({
        where: 'tf.gather',
        expected: 'batchDims of 0',
        got: String(batchDims),
        fix: 'Add an offset a batch item to the indices and gather from the flattened tensor.',
      });
    }
    return b.gather(x!, b.convert(indices!, 'int32'), axisOf(x!, axis!));
  });
  kernel('UnsortedSegmentSum', (b, { x, segmentIds }, { numSegments }: { numSegments?: number }) => {
    const rows = sizeOf(segmentIds!.shape);
    const row = x!.shape.slice(segmentIds!.shape.length);
    return b.scatterAdd(
      b.splat(0, [numSegments!, ...row]),
      b.reshape(segmentIds!, [rows]),
      b.reshape(toFloat(b, x!), [rows, ...row]),
    );
  });
}

function registerLinear(): void {
  kernel('BatchMatMul', (b, inputs, { transposeA, transposeB }: { transposeA?: boolean; transposeB?: boolean }) => {
    const [x, y] = [inputs.a!, inputs.b!];
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
  });
  kernel('Einsum', (b, inputs, { equation }: { equation?: string }) => einsum(b, equation!, Object.values(inputs)));
  kernel('Conv2D', (b, { x, filter }, attributes) => convolution(b, x!, filter!, attributes));
  kernel('Conv2DBackpropInput', (b, { dy, filter }, attributes) =>
    convolutionInputGradient(b, dy!, filter!, attributes),
  );
  kernel('Conv2DBackpropFilter', (b, { x, dy }, attributes) => convolutionFilterGradient(b, x!, dy!, attributes));
}

let registered = false;

/** Registers every kernel of the trace backend, once. */
export function registerTraceKernels(): void {
  if (registered) return;
  registered = true;
  registerElementwise();
  registerConstants();
  registerReductions();
  registerLayout();
  registerIndexing();
  registerLinear();
}
