/**
 * Convolutions and pooling with every kind of padding, stride, dilation and kernel, and what they
 * are without padding of their own.
 */
import * as tf from '@tensorflow/tfjs-core';
import { uniform } from './operations.js';

/** Padding as TensorFlow.js takes it. */
export type Padding = 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;

/** Height and width of a kernel, strides or dilations. */
type Pair = [number, number];

/** Every kind of padding. */
export const paddings: readonly (readonly [name: string, padding: Padding])[] = [
  ['valid', 'valid'],
  ['same', 'same'],
  ['0', 0],
  ['1', 1],
  ['2', 2],
  [
    'a list',
    [
      [0, 0],
      [1, 2],
      [0, 1],
      [0, 0],
    ],
  ],
];

const kernels: readonly Pair[] = [
  [4, 3],
  [1, 2],
];
const strides: readonly (number | Pair)[] = [1, 2, [1, 3]];
const dilations: readonly (number | Pair)[] = [[2, 1]];

/** Height and width of the images: neither is a multiple of the strides. */
const imageSize: Pair = [7, 6];

/** An operation that moves a window over images, and the same one with padding by hand. */
export interface WindowCase {
  readonly name: string;
  readonly inputs: () => tf.Tensor[];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor;
  readonly expected: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** Whether TensorFlow.js has its gradient, which there is without dilation only. */
  readonly differentiable: boolean;
}

const both = (value: number | Pair): Pair => (typeof value === 'number' ? [value, value] : value);

/** Rows that padding adds before and behind each spatial axis, as TensorFlow defines `same`. */
function rowsOf(padding: Padding, kernel: Pair, stride: Pair, dilation: Pair): Pair[] {
  return imageSize.map((size, axis) => {
    if (padding === 'valid') return [0, 0];
    if (typeof padding === 'number') return [padding, padding];
    if (typeof padding === 'object') return [...padding[axis + 1]!] as Pair;
    const reach = (kernel[axis]! - 1) * dilation[axis]! + 1;
    const rows = Math.max(0, (Math.ceil(size / stride[axis]!) - 1) * stride[axis]! + reach - size);
    return [Math.floor(rows / 2), Math.ceil(rows / 2)];
  });
}

const padBy = (x: tf.Tensor, rows: readonly Pair[], value = 0): tf.Tensor =>
  tf.pad(x, [[0, 0], ...rows.map(([before, behind]): Pair => [before, behind]), [0, 0]], value);

/** Returns convolutions with one kind of padding: every kernel with every stride or dilation. */
export function convolutionsWith(padding: Padding): WindowCase[] {
  const steps = [
    ...strides.map((stride) => ({ stride, dilation: 1 })),
    ...dilations.map((dilation) => ({ stride: 1, dilation })),
  ];
  return kernels.flatMap((kernel) =>
    steps.map(({ stride, dilation }): WindowCase => {
      const rows = rowsOf(padding, kernel, both(stride), both(dilation));
      const convolve = (x: tf.Tensor, w: tf.Tensor, pad: Padding): tf.Tensor =>
        tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad, 'NHWC', dilation);
      return {
        name: `${kernel.join('x')}, stride ${String(stride)}, dilation ${String(dilation)}`,
        inputs: () => [uniform([2, ...imageSize, 2]), uniform([...kernel, 2, 3])],
        run: (x, w) => convolve(x, w, padding),
        expected: (x, w) => convolve(padBy(x, rows), w, 'valid'),
        differentiable: dilation === 1,
      };
    }),
  );
}

/**
 * Returns the other operations with windows, which run eagerly only, with one kind of padding. Some
 * gradients are left out: that of averages in TensorFlow.js counts the padding, unlike its
 * averages, and that of the largest in volumes differs between its backends.
 */
export function otherWindowsWith(padding: Padding): WindowCase[] {
  const kernel: Pair = [4, 3];
  const flat = [1, 2].flatMap((stride): WindowCase[] => {
    const rows = rowsOf(padding, kernel, [stride, stride], [1, 1]);
    const images = () => [uniform([2, ...imageSize, 2])];
    const depthwise = (x: tf.Tensor, w: tf.Tensor, pad: Padding): tf.Tensor =>
      tf.depthwiseConv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad);
    const fused = (x: tf.Tensor, w: tf.Tensor, pad: Padding): tf.Tensor =>
      tf.fused.conv2d({ x: x as tf.Tensor4D, filter: w as tf.Tensor4D, strides: stride, pad: pad });
    const largest = (x: tf.Tensor, pad: Padding): tf.Tensor => tf.maxPool(x as tf.Tensor4D, kernel, stride, pad);
    const average = (x: tf.Tensor, pad: Padding): tf.Tensor => tf.avgPool(x as tf.Tensor4D, kernel, stride, pad);
    return [
      {
        name: `depthwise, stride ${stride}`,
        inputs: () => [...images(), uniform([...kernel, 2, 2])],
        run: (x, w) => depthwise(x, w, padding),
        expected: (x, w) => depthwise(padBy(x, rows), w, 'valid'),
        differentiable: true,
      },
      {
        name: `fused, stride ${stride}`,
        inputs: () => [...images(), uniform([...kernel, 2, 2])],
        run: (x, w) => fused(x, w, padding),
        expected: (x, w) => fused(padBy(x, rows), w, 'valid'),
        differentiable: true,
      },
      {
        name: `largest, stride ${stride}`,
        inputs: images,
        run: (x) => largest(x, padding),
        expected: (x) => largest(padBy(x, rows, -Infinity), 'valid'),
        differentiable: true,
      },
      {
        name: `average, stride ${stride}`,
        inputs: images,
        run: (x) => average(x, padding),
        expected: (x) => tf.div(average(padBy(x, rows), 'valid'), average(padBy(tf.onesLike(x), rows), 'valid')),
        differentiable: false,
      },
    ];
  });
  if (typeof padding === 'object') return flat; // conv3d takes no list
  const depth: Pair = typeof padding === 'number' ? [padding, padding] : padding === 'same' ? [0, 1] : [0, 0];
  const volume = [depth, ...rowsOf(padding, kernel, [1, 1], [1, 1])];
  const pooled = [padding === 'same' ? ([1, 1] as Pair) : depth, ...volume.slice(1)];
  const largest = (x: tf.Tensor, pad: Padding): tf.Tensor =>
    tf.maxPool3d(x as tf.Tensor5D, [3, ...kernel], 1, pad as 'same');
  const average = (x: tf.Tensor, pad: Padding): tf.Tensor =>
    tf.avgPool3d(x as tf.Tensor5D, [3, ...kernel], 1, pad as 'same');
  return [
    ...flat,
    {
      name: 'of volumes',
      inputs: () => [uniform([1, 3, ...imageSize, 2]), uniform([2, ...kernel, 2, 2])],
      run: (x, w) => tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, 1, padding as 'same'),
      expected: (x, w) => tf.conv3d(padBy(x, volume) as tf.Tensor5D, w as tf.Tensor5D, 1, 'valid'),
      differentiable: true,
    },
    {
      name: 'largest of volumes',
      inputs: () => [uniform([1, 3, ...imageSize, 2])],
      run: (x) => largest(x, padding),
      expected: (x) => largest(padBy(x, pooled, -Infinity), 'valid'),
      differentiable: false,
    },
    {
      name: 'average of volumes',
      inputs: () => [uniform([1, 3, ...imageSize, 2])],
      run: (x) => average(x, padding),
      expected: (x) => tf.div(average(padBy(x, pooled), 'valid'), average(padBy(tf.onesLike(x), pooled), 'valid')),
      differentiable: false,
    },
  ];
}

/**
 * Returns a function of the inputs of all cases, one after the other: results, then gradients of
 * the sum of their squares, then gradients of the sum of squares of those.
 */
export function derivatives(
  cases: readonly WindowCase[],
  which: 'run' | 'expected',
  orders: 1 | 2,
): (...inputs: tf.Tensor[]) => tf.Tensor[] {
  const squares = (tensors: readonly tf.Tensor[]): tf.Scalar =>
    tf.addN(tensors.map((tensor) => tf.sum(tf.square(tensor))));
  return (...inputs) => {
    let next = 0;
    return cases.flatMap((each) => {
      const { differentiable, [which]: run } = each;
      const own = inputs.slice(next, (next += run.length));
      const first = tf.grads((...xs: tf.Tensor[]) => squares([run(...xs)]));
      const second = tf.grads((...xs: tf.Tensor[]) => squares(first(xs)));
      return [
        run(...own),
        ...(differentiable ? first(own) : []),
        ...(differentiable && orders === 2 ? second(own) : []),
      ];
    });
  };
}
