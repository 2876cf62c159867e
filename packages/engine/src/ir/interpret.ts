import * as tf from '@tensorflow/tfjs-core';
import {
  isBinary,
  isUnary,
  sizeOf,
  typedArray,
  type BinaryName,
  type CompareDirection,
  type Graph,
  type Operation,
  type OperationAttributes,
  type OperationOf,
  type UnaryName,
  type Value,
} from './graph.js';

/**
 * Runs a graph operation by operation with TensorFlow.js on its active backend: the meaning of every primitive, against
 * which lowerings are tested. Slow on purpose; use the cpu backend.
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

const unary: Record<UnaryName, (x: tf.Tensor) => tf.Tensor> = {
  negate: tf.neg,
  exponential: tf.exp,
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
  divide: divide,
  maximum: tf.maximum,
  minimum: tf.minimum,
  power: tf.pow,
  remainder: remainder,
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

/** Integer division rounds towards zero. */
function divide(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  if (a.dtype !== 'int32') return tf.div(a, b);
  const magnitude = tf.floorDiv(tf.abs(a), tf.abs(b));
  return tf.mul(magnitude, tf.mul(tf.sign(a), tf.sign(b)));
}

/** The sign of the dividend, as C's fmod. */
function remainder(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  return tf.mul(tf.mod(tf.abs(a), tf.abs(b)), tf.sign(a));
}

function evaluate(operation: Operation, operands: readonly tf.Tensor[]): tf.Tensor[] {
  if (isUnary(operation)) return [unary[operation.kind](operands[0]!)];
  if (isBinary(operation)) return [binary[operation.kind](operands[0]!, operands[1]!)];
  if (operation.kind === 'top_k') {
    const { k, isSorted } = operation.attributes;
    const { values, indices } = tf.topk(operands[0]!, k, isSorted);
    return [values, indices];
  }
  if (operation.kind === 'composite') return interpret(operation.attributes.body, operands);
  return [evaluateOne(operation, operands)];
}

type OneResult = Exclude<Operation, OperationOf<UnaryName | BinaryName | 'top_k' | 'composite'>>;

function evaluateOne(operation: OneResult, operands: readonly tf.Tensor[]): tf.Tensor {
  const [x, y, z] = operands as [tf.Tensor, tf.Tensor, tf.Tensor];
  const result = operation.results[0]!;
  const shape = [...result.shape];
  switch (operation.kind) {
    case 'constant': {
      const { value } = operation.attributes;
      const data = 'splat' in value ? typedArray(result.dtype, sizeOf(shape)).fill(value.splat) : value.data;
      return tf.tensor(data, shape, result.dtype);
    }
    case 'convert':
      return tf.cast(x, operation.attributes.dtype);
    case 'compare':
      return comparisons[operation.attributes.direction](x, y);
    case 'select':
      return tf.where(x, y, z);
    case 'broadcast_in_dim': {
      const aligned = shape.map((_, axis) => {
        const source = operation.attributes.dimensions.indexOf(axis);
        return source < 0 ? 1 : x.shape[source]!;
      });
      return tf.broadcastTo(tf.reshape(x, aligned), shape);
    }
    case 'reshape':
      return tf.reshape(x, shape);
    case 'transpose':
      return tf.transpose(x, [...operation.attributes.permutation]);
    case 'reverse':
      return tf.reverse(x, [...operation.attributes.axes]);
    case 'reduce': {
      const reduce = { sum: tf.sum, max: tf.max, min: tf.min, product: tf.prod }[operation.attributes.kind];
      return reduce(x, [...operation.attributes.axes]);
    }
    case 'arg_reduce':
      return (operation.attributes.kind === 'max' ? tf.argMax : tf.argMin)(x, operation.attributes.axis);
    case 'dot_general':
      return dotGeneral(x, y, operation.attributes, shape);
    case 'convolution': {
      const { layout } = operation.attributes;
      if (layout === 'channels_last') return convolution(x as tf.Tensor4D, y as tf.Tensor4D, operation.attributes);
      const image = tf.transpose(x as tf.Tensor4D, [0, 2, 3, 1]);
      const kernel = tf.transpose(y as tf.Tensor4D, [2, 3, 1, 0]);
      return tf.transpose(convolution(image, kernel, operation.attributes), [0, 3, 1, 2]);
    }
    case 'gather':
      return tf.gather(x, y, operation.attributes.axis);
    case 'scatter_add':
      return tf.add(x, tf.unsortedSegmentSum(z, y as tf.Tensor1D, x.shape[0]));
    case 'slice': {
      const { start, limit, strides } = operation.attributes;
      return tf.stridedSlice(x, [...start], [...limit], [...strides]);
    }
    case 'pad': {
      const { low, high, value } = operation.attributes;
      return tf.pad(
        x,
        low.map((before, axis) => [before, high[axis]!]),
        value,
      );
    }
    case 'concatenate':
      return tf.concat([...operands], operation.attributes.axis);
    case 'cumulative_sum': {
      const { axis, exclusive, reverse } = operation.attributes;
      return tf.cumsum(x, axis, exclusive, reverse);
    }
  }
}

/** Axes are brought into the order batch, free, contracted; then it is one batched matrix product. */
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

/** Spreads and pads the image by hand; what remains is a plain convolution. */
function convolution(
  image: tf.Tensor4D,
  kernel: tf.Tensor4D,
  { padding, strides, lhsDilation, rhsDilation }: OperationAttributes['convolution'],
): tf.Tensor {
  const [batch, height, width, channels] = image.shape;
  const spread = tf.reshape<tf.Rank.R4>(
    tf.pad(tf.reshape(image, [batch, height, 1, width, 1, channels]), [
      [0, 0],
      [0, 0],
      [0, lhsDilation[0] - 1],
      [0, 0],
      [0, lhsDilation[1] - 1],
      [0, 0],
    ]),
    [batch, height * lhsDilation[0], width * lhsDilation[1], channels],
  );
  // The last row and column need no zeros behind them; negative padding crops.
  const [top, left, bottom, right] = padding;
  const [low, high] = [
    [top, left],
    [bottom - (lhsDilation[0] - 1), right - (lhsDilation[1] - 1)],
  ] as const;
  const padded = tf.pad(spread, [
    [0, 0],
    [Math.max(0, low[0]), Math.max(0, high[0])],
    [Math.max(0, low[1]), Math.max(0, high[1])],
    [0, 0],
  ]);
  const from = [Math.max(0, -low[0]), Math.max(0, -low[1])] as const;
  const size = [height * lhsDilation[0] + low[0] + high[0], width * lhsDilation[1] + low[1] + high[1]] as const;
  const cropped = tf.slice(padded, [0, from[0], from[1], 0], [batch, size[0], size[1], channels]);
  // TensorFlow.js refuses strides and dilations together: spread the kernel instead.
  const [kernelHeight, kernelWidth, , features] = kernel.shape;
  const spreadKernel = tf.slice(
    tf.reshape(
      tf.pad(tf.reshape(kernel, [kernelHeight, 1, kernelWidth, 1, channels * features]), [
        [0, 0],
        [0, rhsDilation[0] - 1],
        [0, 0],
        [0, rhsDilation[1] - 1],
        [0, 0],
      ]),
      [kernelHeight * rhsDilation[0], kernelWidth * rhsDilation[1], channels, features],
    ),
    [0, 0, 0, 0],
    [(kernelHeight - 1) * rhsDilation[0] + 1, (kernelWidth - 1) * rhsDilation[1] + 1, channels, features],
  ) as tf.Tensor4D;
  return tf.conv2d(cropped, spreadKernel, [strides[0], strides[1]], 'valid');
}
