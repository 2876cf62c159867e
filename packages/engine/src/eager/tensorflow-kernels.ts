import * as tf from '@tensorflow/tfjs-core';
import { rangeValues } from '../range-values.js';
import { paddingWrappers } from './tensorflow-padding.js';
import { wrapKernels, type KernelWrapper } from './wrap-kernels.js';

/** Computes a kernel on other inputs, or makes something else of its result. */
type KernelRule = (
  kernel: (inputs: tf.NamedTensorMap) => tf.Tensor,
  inputs: tf.NamedTensorMap,
  attributes: tf.NamedAttrMap,
) => tf.Tensor;

const wrapper =
  (rule: KernelRule): KernelWrapper =>
  (run) =>
  (call) =>
    tf.tidy(() =>
      rule((inputs) => run({ ...call, inputs }) as tf.Tensor, call.inputs as tf.NamedTensorMap, call.attrs ?? {}),
    );

const castAll = (inputs: tf.NamedTensorMap, dtype: tf.DataType): tf.NamedTensorMap =>
  Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, tf.cast(input, dtype)]));

/** TensorFlow has no kernel for some dtypes; the inputs are cast to one that it has. */
const computedAs =
  (others: readonly tf.DataType[], dtype: tf.DataType, result: 'of input' | 'as it is'): KernelRule =>
  (kernel, inputs) => {
    const [first] = Object.values(inputs);
    if (!others.includes(first!.dtype)) return kernel(inputs);
    const computed = kernel(castAll(inputs, dtype));
    return result === 'of input' ? tf.cast(computed, first!.dtype) : computed;
  };

const comparison = computedAs(['bool'], 'int32', 'as it is');
const extremum = computedAs(['bool'], 'int32', 'of input');
const classification = computedAs(['bool', 'int32'], 'float32', 'as it is');

/** NaN and what is beyond the range of int32 become 0, and not the smallest integer. */
const cast: KernelRule = (kernel, { x }, { dtype }) => {
  if (x!.dtype !== 'float32' || dtype !== 'int32') return kernel({ x: x! });
  return kernel({ x: tf.where(tf.less(tf.abs(x!), 2 ** 31), x!, tf.zerosLike(x!)) });
};

/** Integers divided by zero give 0, and are no error. */
const wholeDivision: KernelRule = (kernel, { a, b }) => {
  const isZero = tf.equal(b!, 0);
  const result = kernel({ a: a!, b: tf.where(isZero, tf.onesLike(b!), b!) });
  return tf.where(tf.broadcastTo(isZero, result.shape), tf.zerosLike(result), result);
};

/** Integers, whatever the dtype. */
const floorDiv: KernelRule = (kernel, { a, b }, attributes) =>
  a!.dtype === 'float32'
    ? tf.cast(kernel({ a: a!, b: b! }), 'int32')
    : wholeDivision(kernel, castAll({ a: a!, b: b! }, 'int32'), attributes);

/** What there is where nothing is reduced. */
const overNothing =
  (value: number, rule: KernelRule = (kernel, inputs) => kernel(inputs)): KernelRule =>
  (kernel, inputs, attributes) => {
    const result = rule(kernel, inputs, attributes);
    if (inputs['x']!.size > 0 || result.size === 0) return result;
    return tf.cast(tf.fill(result.shape, value), result.dtype);
  };

const place: KernelRule = (kernel, { x }, { axis }) => {
  if (x!.size > 0) return kernel({ x: x! });
  return tf.zeros(
    x!.shape.filter((_, index) => index !== axis),
    'int32',
  );
};

/** float32, whatever the dtype; ids without a segment are left out, and large ones no error. */
const segmentSum: KernelRule = (kernel, { x, segmentIds }, { numSegments }) => {
  const isInside = tf.less(segmentIds!, numSegments as number);
  const ids = tf.where(isInside, segmentIds!, tf.fill(segmentIds!.shape, -1, 'int32'));
  return kernel({ x: tf.cast(x!, 'float32'), segmentIds: ids });
};

/** Attributes of the kernel Range. */
interface RangeAttributes {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
  readonly dtype: 'float32' | 'int32';
}

const range: KernelRule = (_kernel, _inputs, attributes) => {
  const { start, stop, step, dtype } = attributes as unknown as RangeAttributes;
  return tf.tensor1d(rangeValues(start, stop, step, dtype), dtype);
};

const rules: Readonly<Record<string, KernelRule>> = {
  All: overNothing(0),
  ArgMax: place,
  ArgMin: place,
  Cast: cast,
  // Of no image, TensorFlow's has the channels of the image.
  Conv2D: (kernel, inputs) => {
    const result = kernel(inputs);
    return result.size > 0 ? result : tf.zeros([...result.shape.slice(0, 3), inputs['filter']!.shape[3]!]);
  },
  // TensorFlow's loses all digits near 0.
  Elu: (kernel, { x }) => tf.where(tf.greater(x!, 0), kernel({ x: x! }), tf.expm1(tf.minimum(x!, 0))),
  FloorDiv: floorDiv,
  // The indices are looked at before they are where TensorFlow's tensors are.
  GatherV2: (kernel, { x, indices }) => kernel({ x: x!, indices: tf.clone(indices!) }),
  Greater: comparison,
  GreaterEqual: comparison,
  Less: comparison,
  LessEqual: comparison,
  IsFinite: classification,
  IsInf: classification,
  IsNan: classification,
  Max: overNothing(NaN, extremum),
  Mean: overNothing(0),
  Min: overNothing(NaN, extremum),
  Mod: (kernel, inputs, attributes) =>
    inputs['a']!.dtype === 'int32' ? wholeDivision(kernel, inputs, attributes) : kernel(inputs),
  Range: range,
  // TensorFlow's makes zeros of integers.
  Round: computedAs(['bool', 'int32'], 'float32', 'of input'),
  Sign: (kernel, { x }) =>
    x!.dtype === 'float32' ? tf.where(tf.isNaN(x!), tf.zerosLike(x!), kernel({ x: x! })) : kernel({ x: x! }),
  UnsortedSegmentSum: segmentSum,
};

/** Makes kernels of the Node package of TensorFlow.js 4.22 do what those of its cpu backend do. */
export function mendTensorFlowKernels(): void {
  const mended = Object.entries(rules).map(([name, rule]) => [name, wrapper(rule)] as const);
  wrapKernels('tensorflow', paddingWrappers);
  wrapKernels('tensorflow', Object.fromEntries(mended));
}
