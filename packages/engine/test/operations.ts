/**
 * Every operation that the packages use, and the common ones around them: what it is called with
 * and how.
 */
import * as tf from '@tensorflow/tfjs-core';
import { composite, randomKey, randomUniform } from '@vitvq/core';
import { nextSeed } from './seeds.js';

/** A function of tensors. */
export type TensorFunction = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

/** An operation with arguments, which every engine computes as plain TensorFlow.js does. */
export interface OperationCase {
  readonly name: string;
  readonly inputs: () => tf.Tensor[];
  readonly run: TensorFunction;
  /** Whether the gradient with respect to all inputs is compared too. */
  readonly differentiable: boolean;
  /**
   * Highest order of gradients that is compared, where it is not 2: TensorFlow.js has no gradient
   * of the gradient, or that says nothing more.
   */
  readonly highestOrder?: 1;
  /** Largest difference. @default 1e-5 of values, 1e-4 of gradients, relative and absolute */
  readonly tolerance?: { readonly rtol: number; readonly atol: number };
  /**
   * A function whose results on the cpu backend are right, where those of `run` are not, and what
   * is wrong with them.
   */
  readonly reference?: { readonly run: TensorFunction; readonly because: string };
  /** Message of the error with which an engine, as plain TensorFlow.js, refuses the arguments. */
  readonly refused?: RegExp;
  /**
   * Why an engine computes something else on purpose: by the name of the engine, or for all that
   * are `compiled` or `eager`.
   */
  readonly differs?: Readonly<Record<string, string>>;
}

/** Uniform numbers in [minimum, maximum), the same in every run. */
export function uniform(shape: number[], minimum = -1, maximum = 1): tf.Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(randomUniform(randomKey(nextSeed()), size, minimum, maximum), shape);
}

const positive = (...shape: number[]): tf.Tensor => uniform(shape, 0.2, 2);
const any = (...shape: number[]): tf.Tensor => uniform(shape, -2, 2);
const integers = (values: number[], shape: number[]): tf.Tensor => tf.tensor(values, shape, 'int32');
const booleans = (...values: boolean[]): tf.Tensor => tf.tensor1d(values, 'bool');

/** The optional facts about a case. */
type Facts = Omit<Partial<OperationCase>, 'name' | 'inputs' | 'run' | 'differentiable'>;
/** Returns a case whose gradients are compared too. */
export const smooth = (
  name: string,
  inputs: OperationCase['inputs'],
  run: TensorFunction,
  facts: Facts = {},
): OperationCase => ({ name, inputs, run, differentiable: true, ...facts });
/** Returns a case without gradients. */
export const discrete = (
  name: string,
  inputs: OperationCase['inputs'],
  run: TensorFunction,
  facts: Facts = {},
): OperationCase => ({ name, inputs, run, differentiable: false, ...facts });

const matrix = () => [any(3, 4)];
const positiveMatrix = () => [positive(3, 4)];
/** Numbers away from the kinks of the functions below, and of each other in two orders. */
const awayFromKinks = () => tf.tensor2d([-1.9, -1.2, -0.9, -0.35, -0.15, 0.12, 0.3, 0.45, 0.9, 1.3, 1.6, 1.95], [3, 4]);
const kinked = () => [awayFromKinks()];
const kinkedPair = () => [awayFromKinks(), tf.reverse(awayFromKinks())];
/** Different numbers in no order, so that it is clear which is the largest. */
const distinct = (...shape: number[]): tf.Tensor => {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(
    Array.from({ length: size }, (_, index) => ((index * 7 + 3) % size) * 0.17 - 2),
    shape,
  );
};
const pair = () => [any(3, 4), any(3, 4)];
const broadcastPair = () => [any(2, 3, 4), any(3, 1)];
const cube = () => [any(2, 3, 4)];
const image = () => any(2, 5, 6, 3);
const t4 = (x: tf.Tensor | undefined): tf.Tensor4D => x as tf.Tensor4D;

export const operationCases: readonly OperationCase[] = [
  smooth('add', broadcastPair, (a, b) => tf.add(a, b)),
  smooth('sub', broadcastPair, (a, b) => tf.sub(a, b)),
  smooth('mul', broadcastPair, (a, b) => tf.mul(a, b)),
  smooth(
    'mul of two broadcasts',
    () => [any(3, 1), any(1, 4)],
    (a, b) => tf.mul(a, b),
  ),
  smooth(
    'div',
    () => [any(2, 3, 4), positive(3, 1)],
    (a, b) => tf.div(a, b),
  ),
  smooth('maximum', kinkedPair, (a, b) => tf.maximum(a, b)),
  smooth('minimum', kinkedPair, (a, b) => tf.minimum(a, b)),
  smooth(
    'maximum and minimum, broadcast',
    () => [awayFromKinks(), tf.tensor2d([[-1], [0], [1.1]])],
    (a, b) => [tf.maximum(a, b), tf.minimum(b, a)],
  ),
  smooth(
    'pow',
    () => [positive(3, 4), any(3, 4)],
    (a, b) => tf.pow(a, b),
  ),
  smooth('squaredDifference', broadcastPair, (a, b) => tf.squaredDifference(a, b)),
  smooth('neg', matrix, (x) => tf.neg(x)),
  smooth('exp', matrix, (x) => tf.exp(x)),
  smooth('expm1', matrix, (x) => tf.expm1(x)),
  smooth('log', positiveMatrix, (x) => tf.log(x)),
  smooth('log1p', positiveMatrix, (x) => tf.log1p(x)),
  smooth('sqrt', positiveMatrix, (x) => tf.sqrt(x)),
  smooth('rsqrt', positiveMatrix, (x) => tf.rsqrt(x)),
  smooth('square', matrix, (x) => tf.square(x)),
  smooth('abs', kinked, (x) => tf.abs(x)),
  smooth('reciprocal', positiveMatrix, (x) => tf.reciprocal(x)),
  smooth('tanh', matrix, (x) => tf.tanh(x)),
  smooth('sigmoid', matrix, (x) => tf.sigmoid(x)),
  smooth('erf', matrix, (x) => tf.erf(x)),
  smooth('sin', matrix, (x) => tf.sin(x)),
  smooth('cos', matrix, (x) => tf.cos(x)),
  smooth('relu', kinked, (x) => tf.relu(x)),
  smooth('relu6', kinked, (x) => tf.relu6(tf.mul(x, 5))),
  smooth('leakyRelu', kinked, (x) => tf.leakyRelu(x, 0.2)),
  smooth('elu', kinked, (x) => tf.elu(x)),
  smooth(
    'softplus',
    () => [any(3, 4).mul(20)],
    (x) => tf.softplus(x),
  ),
  smooth('clipByValue', kinked, (x) => tf.clipByValue(x, -0.5, 0.7)),
  smooth('where', kinkedPair, (a, b) => tf.where(tf.greater(a, b), tf.mul(a, 2), b)),
  smooth(
    'addN',
    () => [any(3, 4), any(3, 4), any(3, 4)],
    (...xs) => tf.addN(xs),
  ),
  discrete('sign', matrix, (x) => tf.sign(x)),
  discrete('step', matrix, (x) => tf.step(x, 0.3)),
  discrete('floor', matrix, (x) => tf.floor(tf.mul(x, 3))),
  discrete('ceil', matrix, (x) => tf.ceil(tf.mul(x, 3))),
  discrete(
    'round',
    () => [tf.tensor1d([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.7])],
    (x) => tf.round(x),
  ),
  discrete(
    'isNaN',
    () => [tf.tensor1d([1, NaN, Infinity])],
    (x) => tf.isNaN(x),
  ),
  discrete(
    'mod',
    () => [any(3, 4).mul(5), tf.tensor2d([[3, -3, 2, -2]])],
    (a, b) => tf.mod(a, b),
  ),
  discrete(
    'floorDiv of floats',
    () => [any(3, 4).mul(5), tf.scalar(1.5)],
    (a, b) => tf.floorDiv(a, b),
  ),
  discrete(
    'floorDiv of integers',
    () => [integers([7, -7, 6, -6], [4]), integers([2, 2, -4, -3], [4])],
    (a, b) => tf.floorDiv(a, b),
  ),
  discrete(
    'comparisons',
    () => [integers([1, 2, 3], [3]), integers([3, 2, 1], [3])],
    (a, b) => [
      tf.equal(a, b),
      tf.notEqual(a, b),
      tf.less(a, b),
      tf.lessEqual(a, b),
      tf.greater(a, b),
      tf.greaterEqual(a, b),
    ],
  ),
  discrete(
    'logic',
    () => [booleans(true, true, false, false), booleans(true, false, true, false)],
    (a, b) => [tf.logicalAnd(a, b), tf.logicalOr(a, b), tf.logicalNot(a), tf.where(a, b, tf.logicalNot(b))],
  ),
  discrete(
    'order of booleans, their largest',
    () => [booleans(true, false, true), booleans(false, false, true)],
    (a, b) => [tf.less(a, b), tf.greaterEqual(a, b), tf.max(a), tf.min(b)],
  ),
  discrete(
    'matMul of integers',
    () => [integers([1, 2, 3, 4, 5, 6], [1, 3, 2]), integers([1, 0, 2, 1], [1, 2, 2])],
    (a, b) => [tf.matMul(a, b), tf.matMul(a, b, false, true)],
  ),
  discrete(
    'unsortedSegmentSum of integers',
    () => [integers([1, 2, 3, 4], [4])],
    (x) => tf.unsortedSegmentSum(x, tf.tensor1d([1, 0, 1, 1], 'int32'), 2),
  ),
  discrete('pad with infinities', matrix, (x) => [
    tf.max(
      tf.pad(
        x,
        [
          [1, 0],
          [0, 0],
        ],
        -Infinity,
      ),
      0,
    ),
    tf.min(
      tf.pad(
        x,
        [
          [1, 0],
          [0, 0],
        ],
        Infinity,
      ),
      0,
    ),
  ]),
  discrete(
    'cast',
    () => [any(3, 4).mul(3)],
    (x) => [
      tf.cast(x, 'int32'),
      tf.cast(x, 'bool'),
      tf.cast(tf.cast(x, 'int32'), 'float32'),
      tf.cast(tf.greater(x, 0), 'float32'),
    ],
  ),
  discrete(
    'zeros, ones, fill, range, oneHot',
    () => [integers([2, 0, 1], [3])],
    (x) => [
      tf.add(tf.zerosLike(x), tf.onesLike(x)),
      tf.fill([2, 2], 3),
      tf.add(tf.range(0, 3, 1, 'int32'), x),
      tf.oneHot(x, 4),
    ],
  ),
  smooth('sum', cube, (x) => [tf.sum(x), tf.sum(x, 1), tf.sum(x, [0, 2], true)]),
  smooth('mean', cube, (x) => [tf.mean(x), tf.mean(x, -1, true)]),
  smooth(
    'max',
    () => [distinct(2, 3, 4)],
    (x) => tf.max(x, -1),
  ),
  smooth(
    'min',
    () => [distinct(2, 3, 4)],
    (x) => tf.min(x, 1, true),
  ),
  discrete('prod', positiveMatrix, (x) => tf.prod(x, 1)),
  discrete(
    'sum of booleans and integers',
    () => [integers([1, -2, 3, 4], [2, 2])],
    (x) => [tf.sum(x), tf.sum(tf.greater(x, 0), 0)],
  ),
  discrete('all, any', matrix, (x) => [tf.all(tf.greater(x, -1), 1), tf.any(tf.greater(x, 1.5))]),
  discrete(
    'argMax, argMin',
    () => [
      tf.tensor2d([
        [1, 3, 3],
        [2, 1, 1],
      ]),
    ],
    (x) => [tf.argMax(x, 1), tf.argMin(x, -1), tf.argMax(x, 0)],
  ),
  smooth('cumsum', matrix, (x) => [tf.cumsum(x, 1), tf.cumsum(x, 0, true, true)]),
  smooth(
    'topk',
    () => [distinct(3, 6)],
    (x) => tf.topk(x, 2).values,
  ),
  discrete(
    'topk indices',
    () => [any(3, 6)],
    (x) => tf.topk(x, 3).indices,
  ),
  // In whatever order: sums of them are defined.
  smooth(
    'topk, not sorted',
    () => [distinct(3, 6)],
    (x) => {
      const { values } = tf.topk(x, 4, false);
      return [tf.sum(values, 1), tf.min(values, 1)];
    },
  ),
  smooth('softmax', cube, (x) => tf.softmax(x)),
  smooth('logSoftmax', matrix, (x) => tf.logSoftmax(x)),
  smooth('logSumExp', matrix, (x) => tf.logSumExp(x, 1)),
  smooth('reshape, expandDims, squeeze', cube, (x) => [
    tf.reshape(x, [4, -1]),
    tf.expandDims(x, 1),
    tf.squeeze(tf.expandDims(x, -1)),
  ]),
  smooth('transpose', cube, (x) => [
    tf.transpose(x),
    tf.transpose(tf.transpose(x, [0, 2, 1]), [0, 2, 1]),
    tf.transpose(x, [1, 0, 2]),
  ]),
  smooth('reverse', matrix, (x) => tf.reverse(x, 1)),
  smooth(
    'tile',
    () => [any(2, 3)],
    (x) => tf.tile(x, [2, 3]),
  ),
  smooth(
    'broadcastTo',
    () => [any(1, 3)],
    (x) => tf.broadcastTo(x, [2, 4, 3]),
  ),
  smooth(
    'concat',
    () => [any(2, 3), any(2, 2)],
    (a, b) => tf.concat([a, b], 1),
  ),
  smooth('stack, unstack', pair, (a, b) => tf.unstack(tf.stack([a, b], 1), 2)),
  smooth(
    'split',
    () => [any(2, 6)],
    (x) => [...tf.split(x, 3, 1), ...tf.split(x, [1, 5], 1)],
  ),
  smooth('slice', matrix, (x) => [tf.slice(x, [1, 0], [2, 3]), tf.slice(x, 1)]),
  discrete(
    'stridedSlice',
    () => [any(4, 6)],
    (x) => tf.stridedSlice(x, [0, 1], [4, 6], [2, 2]),
  ),
  smooth(
    'pad',
    () => [any(2, 3)],
    (x) =>
      tf.pad(
        x,
        [
          [1, 0],
          [0, 2],
        ],
        0.5,
      ),
  ),
  smooth(
    'gather',
    () => [any(5, 3)],
    (x) => [tf.gather(x, tf.tensor1d([4, 0, 4], 'int32')), tf.gather(x, tf.tensor1d([2, 1], 'int32'), 1)],
  ),
  smooth(
    'unsortedSegmentSum',
    () => [any(4, 3)],
    (x) => tf.unsortedSegmentSum(x, tf.tensor1d([2, 0, 2, 1], 'int32'), 4),
  ),
  smooth(
    'matMul',
    () => [any(3, 4), any(4, 5)],
    (a, b) => tf.matMul(a, b),
  ),
  smooth(
    'matMul, scaled',
    () => [any(3, 4), any(4, 5)],
    (a, b) => tf.mul(tf.matMul(a, b), 0.3),
  ),
  smooth(
    'matMul of transposes',
    () => [any(4, 3), any(5, 4)],
    (a, b) => [tf.matMul(a, b, true, true), tf.matMul(tf.transpose(a), tf.transpose(b))],
  ),
  smooth(
    'matMul in batches',
    () => [any(2, 3, 4, 5), any(2, 3, 6, 5)],
    (a, b) => tf.matMul(a, b, false, true),
  ),
  smooth(
    'matMul, broadcast',
    () => [any(2, 3, 4), any(4, 5)],
    (a, b) => tf.matMul(a, b),
  ),
  smooth(
    'matMul, batch of 1',
    () => [any(2, 3, 4), any(1, 4, 5)],
    (a, b) => tf.matMul(a, b),
  ),
  smooth(
    'einsum',
    () => [any(2, 3, 4), any(4, 3, 5)],
    (a, b) => tf.einsum('bij,jik->bk', a, b),
  ),
  smooth(
    'einsum with batch',
    () => [any(2, 3, 4), any(2, 5, 4)],
    (a, b) => tf.einsum('bid,bjd->bij', a, b),
  ),
  smooth('einsum of one operand', cube, (x) => tf.einsum('abc->ca', x)),
  smooth(
    'conv2d, same',
    () => [image(), any(3, 3, 3, 4)],
    (x, w) => tf.conv2d(t4(x), t4(w), 1, 'same'),
  ),
  smooth(
    'conv2d, strided',
    () => [image(), any(3, 2, 3, 4)],
    (x, w) => tf.conv2d(t4(x), t4(w), 2, 'valid'),
  ),
  smooth(
    'conv2d, padded and strided',
    () => [image(), any(3, 3, 3, 2)],
    (x, w) => tf.conv2d(t4(x), t4(w), [2, 1], 'same'),
  ),
  discrete(
    'conv2d, dilated',
    () => [image(), any(2, 2, 3, 4)],
    (x, w) => tf.conv2d(t4(x), t4(w), 1, 'valid', 'NHWC', 2),
  ),
  smooth(
    'conv2dTranspose',
    () => [any(2, 3, 3, 2), any(4, 4, 3, 2)],
    (x, w) => tf.conv2dTranspose(t4(x), t4(w), [2, 6, 6, 3], 2, 'same'),
  ),
  // Composites that a lowering has a kernel for; eagerly and interpreted their bodies run.
  discrete(
    'layer_norm with its mean and deviation',
    () => [any(3, 5), any(5), any(5)],
    (...operands) =>
      composite('layer_norm', { epsilon: 1e-3 }, operands, (x, scale, bias) => {
        const mean = tf.mean(x, -1, true);
        const centered = tf.sub(x, mean);
        const rstd = tf.rsqrt(tf.add(tf.mean(tf.square(centered), -1, true), 1e-3));
        return [tf.add(tf.mul(tf.mul(centered, rstd), scale), bias), mean, rstd];
      }),
  ),
  discrete('gelu', matrix, (x) =>
    composite('gelu', {}, [x], (y) => [tf.mul(tf.mul(y, 0.5), tf.add(tf.erf(tf.mul(y, Math.SQRT1_2)), 1))]),
  ),
  discrete('gelu_tanh', matrix, (x) =>
    composite('gelu_tanh', {}, [x], (y) => {
      const inner = tf.mul(tf.add(y, tf.mul(tf.pow(y, 3), 0.044715)), Math.sqrt(2 / Math.PI));
      return [tf.mul(tf.mul(y, 0.5), tf.add(tf.tanh(inner), 1))];
    }),
  ),
  discrete(
    'optimization_barrier',
    () => [any(2, 3), integers([0, 1], [2]), booleans(false, true)],
    (...operands) => composite('optimization_barrier', {}, operands, (...each) => each.map((x) => tf.clone(x))),
  ),
];
