import * as tf from '@tensorflow/tfjs-core';
import { convolution } from './interpret-convolution.js';
import {
  isNarrow,
  sizeOf,
  typedArray,
  type BinaryName,
  type CompareDirection,
  type DType,
  type Graph,
  type NarrowType,
  type Operation,
  type OperationAttributes,
  type OperationName,
  type OperationOf,
  type UnaryName,
} from './graph.js';
import type { Value } from './graph.js';
import { roundNarrow } from './round-narrow.js';

/**
 * Runs a graph operation by operation with TensorFlow.js on its active backend. The interpreter
 * defines the meaning of every primitive; lowerings are tested against it. It is slow on purpose;
 * use the cpu backend.
 * @returns the outputs; the caller disposes of them
 */
export function interpret(graph: Graph, inputs: readonly tf.Tensor[]): tf.Tensor[] {
  return tf.tidy(() => {
    const tensors = new Map<Value, tf.Tensor>();
    graph.inputs.forEach((input, index) => tensors.set(input, inputs[index]!));
    for (const operation of graph.operations) {
      const operands = operation.operands.map((operand) => tensors.get(operand)!);
      const results = evaluate(operation, operands);
      operation.results.forEach((result, index) => tensors.set(result, results[index]!));
    }
    return graph.outputs.map((output) => tf.clone(tensors.get(output)!));
  });
}

/** Computes an operation of the kind `K`: one result, or all of them. */
type Meaning<K extends OperationName> = (operands: Operands, operation: OperationOf<K>) => tf.Tensor | tf.Tensor[];
/** Most operations have at most three operands. */
type Operands = readonly [tf.Tensor, tf.Tensor, tf.Tensor, ...tf.Tensor[]];

function evaluate(operation: Operation, operands: readonly tf.Tensor[]): tf.Tensor[] {
  const meaning = meanings[operation.kind] as (operands: readonly tf.Tensor[], operation: Operation) => tf.Tensor;
  return [meaning(operands, operation)].flat().map((result, index) => {
    const { dtype } = operation.results[index]!;
    return isNarrow(dtype) ? narrowed(result, dtype) : result;
  });
}

/** Rounds a tensor, which stays float32, to the numbers of a narrow type. */
function narrowed(x: tf.Tensor, dtype: NarrowType): tf.Tensor {
  return tf.tensor(roundNarrow(x.dataSync(), dtype), x.shape, 'float32');
}

/** The type of TensorFlow.js in which values are held. */
const heldAs = (dtype: DType): Exclude<DType, NarrowType> => (isNarrow(dtype) ? 'float32' : dtype);

const unary: Record<UnaryName, (x: tf.Tensor) => tf.Tensor> = {
  negate: tf.neg,
  exponential: tf.exp,
  exponential_minus_one: tf.expm1,
  log: tf.log,
  log_plus_one: tf.log1p,
  sqrt: tf.sqrt,
  rsqrt: tf.rsqrt,
  abs: tf.abs,
  sign: tf.sign,
  floor: tf.floor,
  ceil: tf.ceil,
  round_nearest_even: tf.round,
  tanh: tf.tanh,
  logistic: tf.sigmoid,
  erf: tf.erf,
  sine: tf.sin,
  cosine: tf.cos,
  not: tf.logicalNot,
  is_nan: tf.isNaN,
};

const binary: Record<BinaryName, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor> = {
  add: tf.add,
  subtract: tf.sub,
  multiply: tf.mul,
  divide,
  maximum: tf.maximum,
  minimum: tf.minimum,
  power: tf.pow,
  remainder,
  and: tf.logicalAnd,
  or: tf.logicalOr,
};

const comparisons: Record<CompareDirection, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor> = {
  EQ: tf.equal,
  NE: tf.notEqual,
  LT: tf.less,
  LE: tf.lessEqual,
  GT: tf.greater,
  GE: tf.greaterEqual,
};

/** Divides; integers are rounded towards zero, and a division by 0 gives 0. */
function divide(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  if (a.dtype !== 'int32') return tf.div(a, b);
  return ofIntegers(a, b, (x, y) => (y === 0 ? 0 : x / y));
}

/** Returns the remainder with the sign of the dividend, as C's fmod. */
function remainder(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  if (a.dtype === 'int32') return ofIntegers(a, b, (x, y) => (y === 0 ? 0 : x % y));
  return tf.mul(tf.mod(tf.abs(a), tf.abs(b)), tf.sign(a));
}

/** Computes with integers of one shape, and cuts digits off. */
function ofIntegers(a: tf.Tensor, b: tf.Tensor, compute: (x: number, y: number) => number): tf.Tensor {
  const [x, y] = [a.dataSync(), b.dataSync()];
  return tf.tensor(
    Int32Array.from(x, (value, index) => compute(value, y[index]!)),
    a.shape,
    'int32',
  );
}

/** Turns a table of functions of tensors into rows of {@link meanings}. */
function elementwise<K extends UnaryName | BinaryName>(
  table: Record<K, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor>,
): Record<K, (operands: Operands) => tf.Tensor> {
  const rows = Object.entries<(a: tf.Tensor, b: tf.Tensor) => tf.Tensor>(table);
  return Object.fromEntries(
    rows.map(([name, compute]) => [name, ([a, b]: Operands) => compute(a, b)] as const),
  ) as Record<K, (operands: Operands) => tf.Tensor>;
}

/** The shape of the only result, as TensorFlow.js takes it. */
const shapeOf = ({ results }: Operation): number[] => [...results[0]!.shape];

const meanings: { readonly [K in OperationName]: Meaning<K> } = {
  ...elementwise(unary),
  ...elementwise(binary),
  constant: (_, operation) => {
    const { value } = operation.attributes;
    const [shape, { dtype }] = [shapeOf(operation), operation.results[0]!];
    const data = 'splat' in value ? typedArray(dtype, sizeOf(shape)).fill(value.splat) : value.data;
    return tf.tensor(data, shape, heldAs(dtype));
  },
  convert: ([x], { attributes }) => tf.cast(x, heldAs(attributes.dtype)),
  reduce_precision: ([x], { attributes }) => narrowed(x, attributes.dtype),
  compare: ([x, y], { attributes }) => comparisons[attributes.direction](x, y),
  select: ([condition, onTrue, onFalse]) => tf.where(condition, onTrue, onFalse),
  broadcast_in_dim: ([x], operation) => {
    const shape = shapeOf(operation);
    const aligned = shape.map((_, axis) => {
      const source = operation.attributes.dimensions.indexOf(axis);
      return source < 0 ? 1 : x.shape[source]!;
    });
    return tf.broadcastTo(tf.reshape(x, aligned), shape);
  },
  reshape: ([x], operation) => tf.reshape(x, shapeOf(operation)),
  transpose: ([x], { attributes }) => tf.transpose(x, [...attributes.permutation]),
  reverse: ([x], { attributes }) => tf.reverse(x, [...attributes.axes]),
  reduce: ([x], { attributes: { kind, axes } }) => {
    const reduce = { sum: tf.sum, max: tf.max, min: tf.min, product: tf.prod }[kind];
    return reduce(x, [...axes]);
  },
  arg_reduce: ([x], { attributes: { kind, axis } }) => (kind === 'max' ? tf.argMax : tf.argMin)(x, axis),
  dot_general: ([x, y], operation) => dotGeneral(x, y, operation.attributes, shapeOf(operation)),
  convolution: ([x, y], { attributes }) => convolution(x as tf.Tensor4D, y as tf.Tensor4D, attributes),
  gather: ([x, indices], { attributes }) => tf.gather(x, indices, attributes.axis),
  scatter_add: ([base, indices, updates]) => scatterAdd(base, indices, updates),
  slice: ([x], { attributes: { start, limit, strides } }) => tf.stridedSlice(x, [...start], [...limit], [...strides]),
  pad: ([x], { attributes: { low, high, value } }) =>
    tf.pad(
      x,
      low.map((before, axis) => [before, high[axis]!]),
      value,
    ),
  concatenate: (operands, { attributes }) => tf.concat([...operands], attributes.axis),
  top_k: ([x], { attributes: { k, isSorted } }) => {
    const { values, indices } = tf.topk(x, k, isSorted);
    return [values, indices];
  },
  cumulative_sum: ([x], { attributes: { axis, exclusive, reverse } }) => tf.cumsum(x, axis, exclusive, reverse),
  composite: (operands, { attributes }) => interpret(attributes.body, operands),
};

/**
 * Adds rows one by one: `tf.unsortedSegmentSum` of the cpu backend multiplies every row with the
 * mask of every segment, so that a NaN reaches them all.
 */
function scatterAdd(base: tf.Tensor, indices: tf.Tensor, updates: tf.Tensor): tf.Tensor {
  const [sums, rows] = [base.dataSync().slice(), updates.dataSync()];
  const width = sizeOf(base.shape.slice(1));
  indices.dataSync().forEach((index, row) => {
    if (index < 0 || index >= base.shape[0]) return;
    for (let column = 0; column < width; column++) sums[index * width + column]! += rows[row * width + column]!;
  });
  return tf.tensor(sums, base.shape, base.dtype);
}

/** Brings axes into the order batch, free, contracted, and computes one batched matrix product. */
function dotGeneral(
  x: tf.Tensor,
  y: tf.Tensor,
  { lhsBatch, rhsBatch, lhsContract, rhsContract }: OperationAttributes['dot_general'],
  shape: number[],
): tf.Tensor {
  const arrange = (tensor: tf.Tensor, batch: readonly number[], contract: readonly number[]): tf.Tensor => {
    const free = tensor.shape
      .map((_, axis) => axis)
      .filter((axis) => !batch.includes(axis) && !contract.includes(axis));
    const size = (axes: readonly number[]): number => sizeOf(axes.map((axis) => tensor.shape[axis]!));
    return tf.reshape(tf.transpose(tensor, [...batch, ...free, ...contract]), [
      size(batch),
      size(free),
      size(contract),
    ]);
  };
  return tf.reshape(
    tf.matMul(arrange(x, lhsBatch, lhsContract), arrange(y, rhsBatch, rhsContract), false, true),
    shape,
  );
}
