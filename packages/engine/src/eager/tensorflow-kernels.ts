import * as tf from '@tensorflow/tfjs-core';
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

/** Integers, whatever the dtype; a division of integers by zero gives 0 and is no error. */
const floorDiv: KernelRule = (kernel, { a, b }) => {
  if (a!.dtype === 'float32') return tf.cast(kernel({ a: a!, b: b! }), 'int32');
  const [x, y] = [tf.cast(a!, 'int32'), tf.cast(b!, 'int32')];
  const isZero = tf.equal(y, 0);
  const quotient = kernel({ a: x, b: tf.where(isZero, tf.onesLike(y), y) });
  return tf.where(tf.broadcastTo(isZero, quotient.shape), tf.zerosLike(quotient), quotient);
};

/** float32, whatever the dtype; ids without a segment are left out, and large ones no error. */
const segmentSum: KernelRule = (kernel, { x, segmentIds }, { numSegments }) => {
  const isInside = tf.less(segmentIds!, numSegments as number);
  const ids = tf.where(isInside, segmentIds!, tf.fill(segmentIds!.shape, -1, 'int32'));
  return kernel({ x: tf.cast(x!, 'float32'), segmentIds: ids });
};

const rules: Readonly<Record<string, KernelRule>> = {
  Cast: cast,
  // TensorFlow's loses all digits near 0.
  Elu: (kernel, { x }) => tf.where(tf.greater(x!, 0), kernel({ x: x! }), tf.expm1(tf.minimum(x!, 0))),
  FloorDiv: floorDiv,
  Greater: comparison,
  GreaterEqual: comparison,
  Less: comparison,
  LessEqual: comparison,
  IsFinite: classification,
  IsInf: classification,
  IsNan: classification,
  Max: extremum,
  Min: extremum,
  // TensorFlow's makes zeros of integers.
  Round: computedAs(['bool', 'int32'], 'float32', 'of input'),
  Sign: (kernel, { x }) =>
    x!.dtype === 'float32' ? tf.where(tf.isNaN(x!), tf.zerosLike(x!), kernel({ x: x! })) : kernel({ x: x! }),
  UnsortedSegmentSum: segmentSum,
};

/** Makes kernels of the Node package of TensorFlow.js 4.22 do what those of its cpu backend do. */
export function mendTensorFlowKernels(): void {
  const mended = Object.entries(rules).map(([name, rule]) => [name, wrapper(rule)] as const);
  wrapKernels('tensorflow', { ...paddingWrappers, ...Object.fromEntries(mended) });
}
