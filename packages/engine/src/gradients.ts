import '@tensorflow/tfjs'; // registers the gradients that TensorFlow.js has
import * as tf from '@tensorflow/tfjs-core';
import { orderTape } from './tape-order.js';
import { registerWasmSegmentSum } from './wasm-segment-sum.js';

/**
 * A gradient that TensorFlow.js 4.22 lacks or gets wrong; `dys` has one gradient for each output.
 */
type GradientRow = Omit<tf.GradConfig, 'kernelName' | 'gradFunc'> & {
  readonly gradFunc: (
    dys: readonly tf.Tensor[],
    saved: tf.Tensor[],
    attributes: tf.NamedAttrMap,
  ) => Record<string, () => tf.Tensor>;
};

const zeros = (x: tf.Tensor): tf.Tensor => tf.zeros(x.shape, 'float32');

/** Sums a gradient over the axes along which its tensor was broadcast. */
function unbroadcast(gradient: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const axes = tf.broadcast_util.getReductionAxes([...shape], gradient.shape);
  return tf.reshape(axes.length ? tf.sum(gradient, axes) : gradient, [...shape]);
}

/**
 * Comparisons and logic are piecewise constant; second-order gradients pass through them
 * (LeakyRelu, Select, ClipByValue).
 */
const comparison: GradientRow = {
  inputsToSave: ['a', 'b'],
  gradFunc: (_, [a, b]) => ({ a: () => zeros(a!), b: () => zeros(b!) }),
};

/** As in TensorFlow.js, but also sums over axes along which an operand was repeated. */
const batchMatMul: GradientRow = {
  inputsToSave: ['a', 'b'],
  gradFunc: ([dy], [a, b], attributes) => {
    const { transposeA, transposeB } = attributes as { transposeA: boolean; transposeB: boolean };
    const [g, x, y] = [dy!, a!, b!];
    return {
      a: () =>
        unbroadcast(transposeA ? tf.matMul(y, g, transposeB, true) : tf.matMul(g, y, false, !transposeB), x.shape),
      b: () =>
        unbroadcast(transposeB ? tf.matMul(g, x, true, transposeA) : tf.matMul(x, g, !transposeA, false), y.shape),
    };
  },
};

/** As in TensorFlow.js, but also sums over axes along which an operand was repeated. */
const choice = (isFirst: typeof tf.greaterEqual, isSecond: typeof tf.less): GradientRow => ({
  inputsToSave: ['a', 'b'],
  gradFunc: ([dy], [a, b]) => {
    const toward = (isChosen: tf.Tensor, shape: readonly number[]): tf.Tensor =>
      unbroadcast(tf.mul(dy!, tf.cast(isChosen, 'float32')), shape);
    return {
      a: () => toward(isFirst(a!, b!), a!.shape),
      b: () => toward(isSecond(a!, b!), b!.shape),
    };
  },
});

/** TensorFlow.js ignores the axes along which an operand was repeated. */
const squaredDifference: GradientRow = {
  inputsToSave: ['a', 'b'],
  gradFunc: ([dy], [a, b]) => {
    const toward = (shape: readonly number[], sign: number): tf.Tensor =>
      unbroadcast(tf.mul(dy!, tf.mul(tf.sub(a!, b!), 2 * sign)), shape);
    return { a: () => toward(a!.shape, 1), b: () => toward(b!.shape, -1) };
  },
};

/** TensorFlow.js transposes the gradient of any axis but the first. */
const cumsum: GradientRow = {
  gradFunc: ([dy], _, attributes) => {
    const { axis, exclusive, reverse } = attributes as { axis: number; exclusive: boolean; reverse: boolean };
    return { x: () => tf.cumsum(dy!, axis, exclusive, !reverse) };
  },
};

const einsum: GradientRow = {
  saveAllInputs: true,
  gradFunc: ([dy], operands, attributes) => {
    const equation = (attributes as { equation: string }).equation.replace(/\s/g, '');
    return Object.fromEntries(
      operands.map((_, index) => [String(index), () => einsumGradient(equation, operands, index, dy!)]),
    );
  },
};

/**
 * Computes the gradient of one operand: an einsum of the output's gradient and the other operands.
 */
function einsumGradient(equation: string, operands: readonly tf.Tensor[], index: number, dy: tf.Tensor): tf.Tensor {
  const [left, output] = equation.split('->') as [string, string];
  const labels = left.split(',');
  const own = labels[index]!;
  const others = labels.filter((_, other) => other !== index);
  const tensors = operands.filter((_, other) => other !== index);
  const known = new Set([output, ...others].join(''));
  // Labels that only this operand has were summed, so that their gradient is repeated.
  const kept = [...own].filter((label) => known.has(label));
  const partial = tf.einsum(`${[output, ...others].join(',')}->${kept.join('')}`, dy, ...tensors);
  const { shape } = operands[index]!;
  const aligned = shape.map((size, axis) => (kept.includes(own[axis]!) ? size : 1));
  return tf.mul(tf.reshape(partial, aligned), tf.ones(shape));
}

/** Each gradient returns to the place from which its value came. The indices have no gradient. */
const topK: GradientRow = {
  inputsToSave: ['x'],
  outputsToSave: [false, true],
  gradFunc: ([dy], [x, indices]) => ({
    x: () => {
      // [..., k, n]
      const places = tf.oneHot(tf.cast(indices!, 'int32'), x!.shape.at(-1)!, 1, 0, 'float32');
      return tf.sum(tf.mul(places, tf.expandDims(dy!, -1)), -2);
    },
  }),
};

/**
 * The kernel gradient is linear in the image and in the output gradient, so that its own gradients
 * are convolutions again.
 */
const conv2DBackpropFilter: GradientRow = {
  inputsToSave: ['x', 'dy'],
  gradFunc: ([ddFilter], [x, dy], attributes) => {
    const { strides, pad, dataFormat } = attributes as {
      strides: [number, number];
      pad: 'same' | 'valid' | number;
      dataFormat: 'NHWC';
    };
    const filter = ddFilter as tf.Tensor4D;
    const image = x as tf.Tensor4D;
    return {
      x: () => tf.conv2dTranspose(dy as tf.Tensor4D, filter, image.shape, strides, pad),
      dy: () => tf.conv2d(image, filter, strides, pad, dataFormat),
    };
  },
};

/** The gradient of elu is linear in the output's gradient, and depends on the output below 0. */
const eluGrad: GradientRow = {
  inputsToSave: ['dy', 'y'],
  gradFunc: ([ddx], [dy, y]) => ({
    dy: () => tf.engine().runKernel('EluGrad', { dy: ddx!, y: y! }),
    y: () => tf.where(tf.greaterEqual(y!, 0), zeros(y!), tf.mul(ddx!, dy!)),
  }),
};

/** Gradients that TensorFlow.js 4.22 lacks or gets wrong, by kernel. */
const gradients: Readonly<Record<string, GradientRow>> = {
  Greater: comparison,
  GreaterEqual: comparison,
  Less: comparison,
  LessEqual: comparison,
  Equal: comparison,
  NotEqual: comparison,
  LogicalAnd: comparison,
  LogicalOr: comparison,
  LogicalNot: { inputsToSave: ['x'], gradFunc: (_, [x]) => ({ x: () => zeros(x!) }) },
  BatchMatMul: batchMatMul,
  Maximum: choice(tf.greaterEqual, tf.less),
  Minimum: choice(tf.lessEqual, tf.greater),
  SquaredDifference: squaredDifference,
  Cumsum: cumsum,
  Einsum: einsum,
  TopK: topK,
  Conv2DBackpropFilter: conv2DBackpropFilter,
  EluGrad: eluGrad,
};

let registered = false;

/**
 * Registers gradients that TensorFlow.js lacks or gets wrong, once; `useEngine` calls it. On its
 * wasm backend gather has no gradient without this, and second-order gradients of what saves its
 * outputs (exp, tanh, softmax) are wrong.
 */
export function registerGradients(): void {
  if (registered) return;
  registered = true;
  registerWasmSegmentSum();
  orderTape();
  for (const [kernelName, { gradFunc, ...row }] of Object.entries(gradients)) {
    if (tf.getGradient(kernelName)) tf.unregisterGradient(kernelName);
    tf.registerGradient({
      ...row,
      kernelName,
      gradFunc: (dy, saved, attributes) => gradFunc([dy].flat(), saved, attributes),
    });
  }
}
