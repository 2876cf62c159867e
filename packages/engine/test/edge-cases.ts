/** Operations at the edges: special values, special shapes, and every way to call a convolution. */
import * as tf from '@tensorflow/tfjs-core';
import { composite } from '@vitvq/core';
import { discrete, smooth, uniform, type OperationCase, type TensorFunction } from './operations.js';

/** Numbers at which formulas fail: where digits are lost, functions overflow or are not defined. */
const specials = [
  NaN,
  Infinity,
  -Infinity,
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  -2.5,
  3,
  -7,
  1e-8,
  -1e-8,
  1e-4,
  -1e-4,
  0.3,
  -0.3,
  1e-30,
  -1e-30,
  1.2e-38,
  -1.2e-38,
  20,
  -20,
  87,
  -87,
  1e4,
  -1e4,
  1e30,
  -1e30,
  3e38,
  -3e38,
] as const;

/** Relative only: what is tiny has as many digits as what is large, down to where float32 ends. */
const tight = { rtol: 1e-5, atol: 1e-37 };

/**
 * The special numbers three times, in other places each time: kernels compute the lanes of a vector
 * register and what is left over with different code.
 */
const specialVector = (): tf.Tensor => tf.tensor1d([...specials, ...specials, ...specials]);
const specialNumbers = (): tf.Tensor => tf.tensor1d([...specials, ...specials].filter((x) => !Number.isNaN(x)));
/** Every special number with every other, without a broadcast. */
const specialPairs = (): tf.Tensor[] => [
  tf.tensor1d(specials.flatMap((x) => specials.map(() => x))),
  tf.tensor1d(specials.flatMap(() => [...specials])),
];

const unary: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  neg: tf.neg,
  square: tf.square,
  sqrt: tf.sqrt,
  rsqrt: tf.rsqrt,
  reciprocal: tf.reciprocal,
  exp: tf.exp,
  expm1: tf.expm1,
  log: tf.log,
  log1p: tf.log1p,
  tanh: tf.tanh,
  sigmoid: tf.sigmoid,
  softplus: tf.softplus,
  leakyRelu: (x) => tf.leakyRelu(x, 0.2),
  clipByValue: (x) => tf.clipByValue(x, -0.5, 2),
  'clipByValue from 0': (x) => tf.clipByValue(x, 0, 1),
  'clipByValue to infinity': (x) => tf.clipByValue(x, 0, Infinity),
  // The gradient of tf.logSigmoid fails outside of its own scope.
  'neg softplus neg': (x) => tf.neg(tf.softplus(tf.neg(x))),
  'silu, x sigmoid(x)': (x) => tf.mul(x, tf.sigmoid(x)),
  'square of relu': (x) => tf.square(tf.relu(x)),
};
/** Functions with a gradient that is a step of x. */
const steps: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  abs: tf.abs,
  relu: tf.relu,
  relu6: tf.relu6,
};
const rounding: Readonly<Record<string, TensorFunction>> = {
  ...Object.fromEntries(Object.entries(steps).map(([name, run]) => [name, (x: tf.Tensor) => run(x)])),
  logSigmoid: (x) => tf.logSigmoid(x),
  sign: (x) => tf.sign(x),
  floor: (x) => tf.floor(x),
  ceil: (x) => tf.ceil(x),
  round: (x) => tf.round(x),
  'isNaN, isInf, isFinite': (x) => [tf.isNaN(x), tf.isInf(x), tf.isFinite(x)],
  'cast to int32': (x) => tf.cast(x, 'int32'),
  'cast to bool and back': (x) => [tf.cast(x, 'bool'), tf.cast(tf.cast(x, 'bool'), 'float32')],
  comparisons: (x) => [
    tf.greater(x, 0),
    tf.greaterEqual(x, 0),
    tf.less(x, 0),
    tf.lessEqual(x, 0),
    tf.equal(x, x),
    tf.notEqual(x, x),
  ],
};
const binary: Readonly<Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor>> = {
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  div: tf.div,
  maximum: tf.maximum,
  minimum: tf.minimum,
  squaredDifference: tf.squaredDifference,
};
const discreteBinary: Readonly<Record<string, TensorFunction>> = {
  comparisons: (a, b) => [
    tf.equal(a, b),
    tf.notEqual(a, b),
    tf.less(a, b),
    tf.lessEqual(a, b),
    tf.greater(a, b),
    tf.greaterEqual(a, b),
  ],
  where: (a, b) => tf.where(tf.greater(a, b), a, b),
};

const noOrder = 'NaN has no place in an order: even plain TensorFlow.js gives 3, NaN and 4 as the largest here';

const elementwise: OperationCase[] = [
  ...Object.entries(unary).map(([name, run]) =>
    smooth(
      `${name} of special numbers`,
      () => [specialVector()],
      (x) => run(x),
      { tolerance: tight, highestOrder: 1 },
    ),
  ),
  ...Object.entries(rounding).map(([name, run]) =>
    discrete(`${name} of special numbers`, () => [specialVector()], run, { tolerance: tight }),
  ),
  ...Object.entries(binary).map(([name, run]) =>
    smooth(`${name} of special numbers`, specialPairs, (a, b) => run(a, b), { tolerance: tight, highestOrder: 1 }),
  ),
  ...Object.entries(discreteBinary).map(([name, run]) =>
    discrete(`${name} of special numbers`, specialPairs, run, { tolerance: tight }),
  ),
  ...Object.entries(steps).map(([name, run]) =>
    smooth(
      `${name} of special numbers without NaN`,
      () => [specialNumbers()],
      (x) => run(x),
      { tolerance: tight, highestOrder: 1 },
    ),
  ),
  discrete(
    'step of special numbers without NaN',
    () => [specialNumbers()],
    (x) => tf.step(x, 0.2),
  ),
  discrete(
    'step of NaN',
    () => [tf.tensor1d([NaN, 1, -1])],
    (x) => tf.step(x, 0.2),
    { differs: { compiled: 'a step that asks for NaN is twice the work in the gradient of every relu' } },
  ),
  discrete(
    'elu of special numbers',
    () => [specialVector()],
    (x) => tf.elu(x),
    {
      tolerance: tight,
      reference: {
        run: (x) => tf.where(tf.greaterEqual(x, 0), x, tf.expm1(x)),
        because: 'the cpu backend subtracts 1 from exp(x), which leaves nothing of what is below 1e-16',
      },
    },
  ),
  discrete(
    'relu of products and convolutions with special numbers',
    () => [tf.reshape(specialVector(), [-1, 1]), tf.tensor2d([[1, -1, 0.5]])],
    (x, w) => [
      tf.relu(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D)),
      tf.relu(tf.add(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D), tf.tensor1d([0.5, 0, -0.5]))),
      tf.relu(tf.conv2d(tf.reshape<tf.Rank.R4>(x, [1, -1, 1, 1]), tf.reshape<tf.Rank.R4>(w, [1, 1, 1, 3]), 1, 'valid')),
      tf.clipByValue(tf.matMul(x as tf.Tensor2D, w as tf.Tensor2D), 0, 6),
    ],
    { tolerance: tight },
  ),
  discrete('mod of special numbers', specialPairs, (a, b) => tf.mod(a, b), {
    tolerance: tight,
    reference: {
      run: (a, b) => {
        const rest = tf.mul(tf.mod(tf.abs(a), tf.abs(b)), tf.sign(a));
        const isOther = tf.notEqual(tf.cast(tf.less(rest, 0), 'int32'), tf.cast(tf.less(b, 0), 'int32'));
        return tf.where(tf.logicalAnd(isOther, tf.notEqual(rest, 0)), tf.add(rest, b), rest);
      },
      because: 'the cpu backend takes the remainder of a rounded sum: -1 modulo 1e30 is 0, and modulo infinity NaN',
    },
  }),
  discrete('floorDiv of special numbers', specialPairs, (a, b) => tf.floorDiv(a, b), {
    reference: {
      run: (a, b) => tf.cast(tf.floor(tf.div(a, b)), 'int32'),
      because: 'the cpu backend rounds the quotient down in float64, so that 1 / 0.1 with a large 0.1 is 9',
    },
  }),
  discrete('pow of special numbers', specialPairs, (a, b) => tf.pow(a, b), {
    tolerance: { rtol: 1e-4, atol: 1e-37 },
    differs: { onnx: 'the power of 1 is 1 and that of -1 to infinity too (IEEE 754); JavaScript alone has NaN' },
  }),
  discrete(
    'erf of special numbers',
    () => [specialVector()],
    (x) => tf.erf(x),
    { tolerance: { rtol: 1e-5, atol: 5e-7 } },
  ),
  discrete(
    'sin and cos of special numbers',
    () => [specialVector()],
    (x) => [tf.sin(x), tf.cos(x)],
    { tolerance: { rtol: 1e-5, atol: 1e-6 } },
  ),
  discrete(
    'cast of large numbers to int32',
    () => [
      tf.tensor1d([2147483520, 2147483648, -2147483648, 3e9, -3e9, 4294967296, 1e12, -1e15, 1e19, -1e25, 1.99, -1.99]),
    ],
    (x) => tf.cast(x, 'int32'),
  ),
];

const wholeNumbers = [0, 1, -1, 2, -2, 3, 7, -7, 100, -100, 65_537, -40_000, 2 ** 31 - 1, -(2 ** 31)];
const wholePairs = (): tf.Tensor[] => [
  tf.tensor1d(
    wholeNumbers.flatMap((x) => wholeNumbers.map(() => x)),
    'int32',
  ),
  tf.tensor1d(
    wholeNumbers.flatMap(() => wholeNumbers),
    'int32',
  ),
];
const smallPairs = (): tf.Tensor[] => wholePairs().map((x) => tf.clipByValue(x, -100, 100));

const integers: OperationCase[] = [
  discrete('add, sub, maximum, minimum of whole numbers', wholePairs, (a, b) => [
    tf.add(a, b),
    tf.sub(a, b),
    tf.maximum(a, b),
    tf.minimum(a, b),
  ]),
  discrete('mul, squaredDifference of whole numbers', smallPairs, (a, b) => [tf.mul(a, b), tf.squaredDifference(a, b)]),
  discrete('floorDiv of whole numbers, by 0 and -1 too', wholePairs, (a, b) => tf.floorDiv(a, b)),
  discrete('div of whole numbers, by 0 and -1 too', wholePairs, (a, b) => tf.div(a, b)),
  discrete('mod of whole numbers, by 0 and -1 too', wholePairs, (a, b) => tf.mod(a, b)),
  discrete(
    'division of whole numbers by constants',
    () => [tf.tensor1d(wholeNumbers, 'int32')],
    (x) =>
      [3, -3, 1, -1, 0].flatMap((divisor) => {
        const by = tf.scalar(divisor, 'int32');
        return [tf.floorDiv(x, by), tf.mod(x, by)];
      }),
  ),
  discrete('comparisons of whole numbers', wholePairs, discreteBinary['comparisons']!),
  discrete(
    'functions of whole numbers',
    () => [tf.tensor1d([0, 1, 2, 5, 9, 16, -3], 'int32')],
    (x) => [tf.neg(x), tf.abs(x), tf.sign(x), tf.square(x), tf.relu(x), tf.cast(x, 'float32'), tf.cast(x, 'bool')],
  ),
  discrete(
    'oneHot of indices out of range',
    () => [tf.tensor1d([-1, 0, 3, 4, -(2 ** 31), 2 ** 31 - 1], 'int32')],
    (x) => [tf.oneHot(x, 4), tf.oneHot(x, 4, 2, -1, 'float32')],
  ),
  discrete(
    'largest, smallest, first of whole numbers and booleans',
    () => [
      tf.tensor2d(
        [
          [3, -7, 3],
          [2 ** 31 - 1, -(2 ** 31), 0],
        ],
        [2, 3],
        'int32',
      ),
    ],
    (x) => [
      tf.max(x, 1),
      tf.min(x, 0),
      tf.sum(x, 1),
      tf.prod(tf.clipByValue(x, -5, 5), 1),
      tf.argMax(x, 1),
      tf.argMin(x, 0),
      tf.argMax(tf.greater(x, 0), 1),
      tf.max(tf.greater(x, 0), 1),
      tf.all(tf.greater(x, 0), 1),
      tf.any(tf.greater(x, 0), 0),
    ],
  ),
];

/** Rows of ordinary numbers with one special number each, at every place, and one row without. */
const rowsWith = (special: number, length: number): tf.Tensor => {
  const ordinary = uniform([length + 1, length], -2, 2).dataSync();
  return tf.tensor2d(
    ordinary.map((value, index) => (Math.floor(index / length) === index % length ? special : value)),
    [length + 1, length],
  );
};
const lengths = [1, 2, 3, 8, 19, 33];
const alongBoth =
  (reduce: (x: tf.Tensor, axis: number) => tf.Tensor): TensorFunction =>
  (...xs) =>
    xs.flatMap((x) => [
      reduce(x, 1),
      reduce(tf.transpose(x), 0),
      reduce(tf.reshape(x, [-1]), 0),
      reduce(tf.concat([x, x], 1), 0),
    ]);
const reductions: Readonly<Record<string, (x: tf.Tensor, axis: number) => tf.Tensor>> = {
  max: (x, axis) => tf.max(x, axis),
  min: (x, axis) => tf.min(x, axis),
  sum: (x, axis) => tf.sum(x, axis),
  mean: (x, axis) => tf.mean(x, axis),
  logSumExp: (x, axis) => tf.logSumExp(x, axis),
};
const scans: Readonly<Record<string, TensorFunction>> = {
  // Few of them, whose product float32 can hold.
  prod: (...xs) => alongBoth((x, axis) => tf.prod(x, axis))(...xs.slice(0, 4)),
  argMax: alongBoth((x, axis) => tf.argMax(x, axis)),
  argMin: alongBoth((x, axis) => tf.argMin(x, axis)),
  cumsum: (...xs) => xs.flatMap((x) => [tf.cumsum(x, 1), tf.cumsum(x, 0, true, true)]),
  softmax: (...xs) => xs.map((x) => tf.softmax(x)),
  logSoftmax: (...xs) => xs.map((x) => tf.logSoftmax(x)),
  'comparison with the largest': (...xs) => xs.map((x) => tf.greaterEqual(x, tf.max(x, 1, true))),
};
const reduced: OperationCase[] = [NaN, Infinity, -Infinity].flatMap((special) => [
  ...Object.entries(reductions).map(([name, reduce]) =>
    smooth(
      `${name} of ${special} at each place`,
      () => lengths.map((length) => rowsWith(special, length)),
      alongBoth(reduce),
      { highestOrder: 1 },
    ),
  ),
  ...Object.entries(scans).map(([name, run]) =>
    discrete(`${name} of ${special} at each place`, () => lengths.map((length) => rowsWith(special, length)), run),
  ),
]);
const allOfThem = (special: number) => () => [tf.fill([2, 5], special), tf.fill([3, 1], special)];
const uniformRows: OperationCase[] = [NaN, Infinity, -Infinity, 0, -1e-8, 3e38].map((special) =>
  discrete(`largest, smallest, first, softmax of nothing but ${special}`, allOfThem(special), (...xs) =>
    xs.flatMap((x) => [tf.max(x, 1), tf.min(x, 1), tf.argMax(x, 1), tf.argMin(x, 1), tf.softmax(x), tf.logSoftmax(x)]),
  ),
);

/** Adds rows to segments in float64, without a look at those of other segments. */
function segmentSums(x: tf.Tensor, ids: tf.Tensor, count: number): tf.Tensor {
  const [rows, segments, width] = [x.dataSync(), ids.dataSync(), x.shape[1]!];
  const sums = new Float64Array(count * width);
  segments.forEach((segment, row) => {
    if (segment < 0 || segment >= count) return;
    for (let column = 0; column < width; column++) sums[segment * width + column]! += rows[row * width + column]!;
  });
  return tf.tensor2d(Float32Array.from(sums), [count, width]);
}
const idsOutOfRange = (): tf.Tensor => tf.tensor1d([2, -1, 0, 4, 2, -(2 ** 31), 2 ** 31 - 1, 3], 'int32');
const segmentsOutOfRange: TensorFunction = (x) => tf.unsortedSegmentSum(x, idsOutOfRange() as tf.Tensor1D, 4);
const indexed: OperationCase[] = [
  smooth(
    'unsortedSegmentSum of ids out of range',
    () => [uniform([8, 3])],
    (x) => tf.unsortedSegmentSum(x, tf.tensor1d([2, -1, 0, 3, 2, -1, 1, 3], 'int32'), 4),
  ),
  discrete('unsortedSegmentSum of ids far out of range', () => [uniform([8, 3])], segmentsOutOfRange),
  discrete(
    'unsortedSegmentSum of ids that are arguments',
    () => [uniform([8, 3]), idsOutOfRange()],
    (x, ids) => tf.unsortedSegmentSum(x, ids as tf.Tensor1D, 4),
  ),
  discrete(
    'unsortedSegmentSum of NaN and infinity',
    () => [tf.tensor2d([1, 2, NaN, 4, 5, -Infinity, 7, 8, Infinity, 1, NaN, NaN, 1, 1, 2, 2], [8, 2]), idsOutOfRange()],
    (x, ids) => tf.unsortedSegmentSum(x, ids as tf.Tensor1D, 4),
    {
      reference: {
        run: (x, ids) => segmentSums(x, ids, 4),
        because: 'the cpu backend multiplies each row with the mask of each segment, so that a NaN reaches all of them',
      },
    },
  ),
  ...[[-1], [5], [0, 4, -1, 2], [-(2 ** 31)], [2 ** 31 - 1]].map((indices) =>
    discrete(
      `gather of [${indices.join()}] out of 5`,
      () => [uniform([5, 3]), tf.tensor1d(indices, 'int32')],
      (x, at) => tf.gather(x, at),
      { refused: /out of data bounds|is not in \[0, \d+[\])]/ },
    ),
  ),
  discrete(
    'gather of a constant out of range',
    () => [uniform([3, 5])],
    (x) => tf.gather(x, tf.tensor1d([-1], 'int32'), 1),
    { refused: /out of data bounds|is not in \[0, \d+[\])]/ },
  ),
  discrete(
    'topk of equal and of infinite numbers',
    () => [tf.tensor2d([1, 1, 0, 1, -Infinity, Infinity, -Infinity, Infinity, 3, 3], [2, 5])],
    (x) => {
      const { values, indices } = tf.topk(x, 4);
      return [values, indices];
    },
  ),
  discrete(
    'topk of NaN and numbers',
    () => [tf.tensor1d([NaN, 1, 4, 2, 3])],
    (x) => {
      const { values, indices } = tf.topk(x, 3);
      return [values, indices];
    },
    { differs: { onnx: noOrder, pjrt: noOrder, 'onnx-webgpu': noOrder, tensorflow: noOrder } },
  ),
];

const ranges: [number, number, number?, ('float32' | 'int32')?][] = [
  [0, 1, 0.1],
  [0, 0.3, 0.1],
  [0, 1, 0.3],
  [1, 0, -0.1],
  [1, 0, -0.3],
  [0, 5, 2],
  [5, 0],
  [5, 0, 2],
  [3, 0, 0.5],
  [0, 3, -1],
  [0, 0, 1],
  [-2.5, 2.5, 0.5],
  [0.1, 0.7, 0.2],
  [0, 1e-7, 1e-8],
  [0, 10, 3, 'int32'],
  [0, 3, 0.5, 'int32'],
  [10, 0, -3, 'int32'],
  [0, 1000, 0.7],
];
const ranged: OperationCase[] = [
  discrete(
    'range',
    () => [uniform([1])],
    () => ranges.map(([start, stop, step, dtype]) => tf.range(start, stop, step, dtype)),
    { tolerance: { rtol: 0, atol: 0 } },
  ),
];

const shapes = [[0], [0, 3], [3, 0], [2, 0, 3], [1], [1, 1], [1, 1, 1], [7], [13, 1], [1, 11], [5, 1, 3], [2, 3, 5]];
/** Only first gradients: a second one says nothing more about shapes. */
const firstOnly = { highestOrder: 1 } as const;
const shaped: OperationCase[] = shapes.flatMap((shape) => {
  const inputs = () => [uniform(shape, -2, 2)];
  const last = shape.length - 1;
  return [
    smooth(
      `elementwise operations of [${shape.join()}]`,
      inputs,
      (x) => [
        tf.add(tf.relu(x), tf.exp(x)),
        tf.mul(x, x),
        tf.where(tf.greater(x, 0), x, tf.neg(x)),
        tf.clipByValue(x, -1, 1),
      ],
      firstOnly,
    ),
    discrete(`reductions of [${shape.join()}]`, inputs, (x) =>
      [0, last, undefined].flatMap((axis) => [
        tf.sum(x, axis),
        tf.sum(x, axis, true),
        tf.mean(x, axis),
        tf.prod(x, axis),
        tf.max(x, axis),
        tf.min(x, axis, true),
        tf.all(tf.greater(x, 0), axis),
        tf.any(tf.greater(x, 0), axis),
      ]),
    ),
    discrete(`order and sums along axes of [${shape.join()}]`, inputs, (x) => [
      tf.argMax(x, 0),
      tf.argMin(x, last),
      tf.cumsum(x, last),
      tf.topk(x, Math.min(2, shape[last]!)).values,
      tf.softmax(x),
    ]),
    smooth(
      `movements of [${shape.join()}]`,
      inputs,
      (x) => [
        tf.transpose(x),
        tf.reverse(x, 0),
        tf.tile(
          x,
          shape.map((_, axis) => axis + 1),
        ),
        tf.concat([x, x], last),
        tf.stack([x, x], 1),
        tf.expandDims(x, 0),
        tf.pad(
          x,
          shape.map(() => [1, 2]),
          0.5,
        ),
        tf.reshape(x, [...shape, 1]),
        tf.slice(
          x,
          shape.map(() => 0),
          shape.map((size) => Math.min(size, 1)),
        ),
        tf.broadcastTo(x, [2, ...shape]),
      ],
      firstOnly,
    ),
    smooth(
      `matMul of rows of [${shape.join()}]`,
      inputs,
      (x) => {
        const rows = tf.reshape<tf.Rank.R2>(x, [
          shape.slice(0, last).reduce((product, size) => product * size, 1),
          shape[last]!,
        ]);
        return [
          tf.matMul(rows, tf.ones([shape[last]!, 3])),
          tf.matMul(rows, rows, false, true),
          tf.matMul(rows, rows, true),
        ];
      },
      firstOnly,
    ),
  ];
});
const emptyOnes: OperationCase[] = [
  discrete(
    'gather, unsortedSegmentSum, oneHot of nothing',
    () => [uniform([4, 3]), tf.tensor1d([], 'int32'), tf.zeros([0, 3])],
    (x, none, rows) => [
      tf.gather(x, none),
      tf.unsortedSegmentSum(rows, none as tf.Tensor1D, 2),
      tf.oneHot(none, 3),
      tf.concat([rows, x, rows], 0),
    ],
  ),
  discrete(
    'convolution of no image',
    () => [tf.zeros([0, 5, 5, 2]), uniform([3, 3, 2, 4])],
    (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 'same'),
  ),
  discrete(
    'einsum of nothing',
    () => [tf.zeros([0, 3]), uniform([3, 2]), tf.zeros([2, 0]), tf.zeros([0, 2])],
    (a, b, c, d) => [tf.einsum('ij,jk->ik', a, b), tf.einsum('ij,jk->ik', c, d)],
  ),
];

type Padding = 'same' | 'valid' | number | [[number, number], [number, number], [number, number], [number, number]];
const paddings: Padding[] = [
  'same',
  'valid',
  0,
  2,
  [
    [0, 0],
    [1, 2],
    [0, 3],
    [0, 0],
  ],
  [
    [0, 0],
    [0, 0],
    [2, 1],
    [0, 0],
  ],
];
const strides: (number | [number, number])[] = [1, [2, 1], 3];
/** Convolves, with tf.pad for a number as padding. */
const convolve = (
  x: tf.Tensor,
  w: tf.Tensor,
  stride: number | [number, number],
  pad: Padding,
  dilation: number | [number, number],
): tf.Tensor => {
  const isPlain = typeof pad !== 'number';
  const padded = isPlain
    ? x
    : tf.pad(x, [
        [0, 0],
        [pad, pad],
        [pad, pad],
        [0, 0],
      ]);
  return tf.conv2d(padded as tf.Tensor4D, w as tf.Tensor4D, stride, isPlain ? pad : 'valid', 'NHWC', dilation);
};
const wrongShape =
  'tfjs-core computes the shape for a number as padding from the height of the kernel, without dilations, and the first stride';
const convolutions: OperationCase[] = [
  [3, 3],
  [2, 3],
  [4, 1],
].flatMap(([rows, columns]) => {
  const inputs = () => [uniform([1, 7, 6, 2]), uniform([rows!, columns!, 2, 2])];
  return [
    ...paddings.map((pad) =>
      smooth(
        `conv2d with a kernel of ${rows} x ${columns}, every stride, padding ${JSON.stringify(pad)}`,
        inputs,
        (x, w) => strides.map((stride) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad)),
        typeof pad === 'number'
          ? {
              reference: {
                run: (x, w) => strides.map((stride) => convolve(x, w, stride, pad, 1)),
                because: wrongShape,
              },
            }
          : {},
      ),
    ),
    discrete(
      `conv2d with a kernel of ${rows} x ${columns}, dilated`,
      inputs,
      (x, w) =>
        paddings.flatMap((pad) =>
          [2, [1, 2] as [number, number]].map((dilation) =>
            tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, pad, 'NHWC', dilation),
          ),
        ),
      {
        reference: {
          run: (x, w) =>
            paddings.flatMap((pad) =>
              [2, [1, 2] as [number, number]].map((dilation) => convolve(x, w, 1, pad, dilation)),
            ),
          because: wrongShape,
        },
      },
    ),
  ];
});

const transposedKernel = [3, 3, 2, 3] as const;
/** Every padding and stride, with the shape of what they make of an image of 7 x 6. */
const transposedConvolutions = paddings.flatMap((pad) =>
  [1, 2, [2, 1] as [number, number]]
    .filter((stride) => typeof pad !== 'number' || typeof stride === 'number')
    .map((stride) => ({
      pad: pad as 'same', // the type of tf.conv2dTranspose leaves lists out
      stride,
      shape: tf.backend_util.computeConv2DInfo([1, 7, 6, 2], [...transposedKernel], stride, 1, pad).outShape,
    })),
);
const transposed = smooth(
  'conv2dTranspose, every padding and stride',
  () => [uniform([...transposedKernel]), ...transposedConvolutions.map(({ shape }) => uniform([...shape]))],
  (kernel, ...images) =>
    transposedConvolutions.map(({ pad, stride }, index) =>
      tf.conv2dTranspose(images[index] as tf.Tensor4D, kernel as tf.Tensor4D, [1, 7, 6, 2], stride, pad),
    ),
);

/** Movements of elements, which need no arithmetic, of any dtype. */
const moves: TensorFunction = (x) => [
  tf.transpose(x),
  tf.reverse(x, 1),
  tf.tile(x, [2, 1]),
  tf.concat([x, x], 1),
  tf.stack([x, x], 0),
  tf.pad(x, [
    [1, 0],
    [0, 2],
  ]),
  tf.slice(x, [0, 1], [2, 2]),
  tf.stridedSlice(x, [0, 0], [2, 3], [1, 2]),
  ...tf.split(x, 3, 1),
  tf.gather(x, tf.tensor1d([2, 0], 'int32'), 1),
  tf.broadcastTo(tf.slice(x, [0, 0], [1, 3]), [2, 2, 3]),
  tf.where(tf.equal(x, x), x, x),
  tf.zerosLike(x),
  tf.onesLike(x),
];
const zeros = (): tf.Tensor[] => [tf.tensor1d([0, -0, 0, -0, 1]), tf.tensor1d([0, 0, -0, -0, 1])];
/** The sign of 0 is the sign of the infinity that is its reciprocal. */
const signsOfZero = discrete('signs of 0 that arithmetic keeps', zeros, (a, b) =>
  [
    tf.neg(a),
    tf.abs(a),
    tf.mul(a, -1),
    tf.mul(a, b),
    tf.div(a, -3),
    tf.sub(a, b),
    tf.add(a, b),
    tf.sqrt(a),
    tf.floor(a),
    tf.ceil(a),
    tf.tanh(a),
    tf.sin(a),
    tf.concat([a, b]),
    tf.where(tf.greater(a, b), a, b),
  ].map((each) => tf.reciprocal(each)),
);
const ofOtherDtypes: OperationCase[] = [
  signsOfZero,
  discrete(
    'movements of whole numbers',
    () => [tf.tensor2d([1, -2, 3, 2 ** 31 - 1, -(2 ** 31), 0], [2, 3], 'int32')],
    moves,
  ),
  discrete('movements of booleans', () => [tf.tensor2d([1, 0, 1, 1, 0, 0], [2, 3], 'bool')], moves),
  discrete(
    'movements of special numbers',
    () => [tf.tensor2d([NaN, Infinity, -Infinity, -0, 1e-38, 3e38], [2, 3])],
    moves,
  ),
  discrete(
    'sums of whole numbers',
    () => [tf.tensor2d([1, -2, 3, 40_000, -5, 0], [2, 3], 'int32')],
    (x) => [tf.cumsum(x, 1), tf.sum(x), tf.mean(x, 0), tf.matMul(x, x, false, true)],
  ),
];

/** Composites that a lowering has an operator for: their bodies say what is right. */
const composites: OperationCase[] = [
  discrete(
    'gelu of special numbers',
    () => [specialNumbers()],
    (x) => composite('gelu', {}, [x], (y) => [tf.mul(tf.mul(y, 0.5), tf.add(tf.erf(tf.mul(y, Math.SQRT1_2)), 1))]),
    { tolerance: { rtol: 1e-5, atol: 1e-5 } },
  ),
  discrete(
    'gelu_tanh of special numbers',
    () => [specialNumbers()],
    (x) =>
      composite('gelu_tanh', {}, [x], (y) => {
        const inner = tf.mul(tf.add(y, tf.mul(tf.pow(y, 3), 0.044715)), Math.sqrt(2 / Math.PI));
        return [tf.mul(tf.mul(y, 0.5), tf.add(tf.tanh(inner), 1))];
      }),
    { tolerance: { rtol: 1e-5, atol: 1e-5 } },
  ),
  discrete(
    'layer_norm of special rows',
    () => [
      tf.tensor2d(
        [
          [1, 2, NaN, 4],
          [1, Infinity, 2, 3],
          [5, 5, 5, 5],
          [1e-20, 2e-20, -3e-20, 0],
          [1e18, -1e18, 2e18, 0],
          [3e4, 3e4, 3e4, 3e4 + 1],
        ].flat(),
        [6, 4],
      ),
      uniform([4]),
      uniform([4]),
    ],
    (...operands) =>
      composite('layer_norm', { epsilon: 1e-5 }, operands, (x, scale, bias) => {
        const mean = tf.mean(x, -1, true);
        const centered = tf.sub(x, mean);
        const rstd = tf.rsqrt(tf.add(tf.mean(tf.square(centered), -1, true), 1e-5));
        return [tf.add(tf.mul(tf.mul(centered, rstd), scale), bias)];
      }),
    { tolerance: { rtol: 1e-4, atol: 1e-4 } },
  ),
];

/** Sums whose parts are too large for float32, and whose results are not. */
const tooLarge = discrete(
  'sum, mean, prod of what float32 cannot hold on the way',
  () => [tf.tensor2d([3e38, 3e38, -3e38, 1e-30, 1e30, 1e30, 1e-30, 1e-20], [2, 4])],
  (x) => [tf.sum(x, 1), tf.mean(x, 1), tf.prod(x, 1)],
  { differs: { onnx: 'it adds and multiplies in float32, as all fast runtimes do; the cpu backend has float64' } },
);

export const edgeCases: readonly OperationCase[] = [
  transposed,
  tooLarge,
  ...ofOtherDtypes,
  ...composites,
  ...elementwise,
  ...integers,
  ...reduced,
  ...uniformRows,
  ...indexed,
  ...ranged,
  ...shaped,
  ...emptyOnes,
  ...convolutions,
];
