import '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../src/ir/builder.js';
import type { ConvolutionAttributes, Graph, Value } from '../src/ir/graph.js';
import { interpret } from '../src/ir/interpret.js';
import { channelsFirst } from '../src/passes/channels-first.js';
import { simplify } from '../src/passes/simplify.js';
import { uniform } from './operations.js';

type Build = (b: GraphBuilder, ...inputs: Value[]) => Value[];

/** The simplified graph, which must compute what the graph as it was built computes. */
function simplified(
  shapes: readonly number[][],
  build: Build,
  pass: (graph: Graph) => Graph = (graph) => graph,
): Graph {
  const builder = new GraphBuilder();
  const inputs = shapes.map((shape) => builder.input(shape, 'float32'));
  const graph = builder.finish(build(builder, ...inputs));
  const simple = simplify(pass(graph));
  const tensors = shapes.map((shape) => uniform(shape));
  const [before, after] = [interpret(graph, tensors), interpret(simple, tensors)];
  before.forEach((tensor, index) => expect(after[index]!).toBeAllClose(tensor, { rtol: 1e-5, atol: 1e-5 }));
  return simple;
}

const kinds = ({ operations }: Graph): string[] => operations.map(({ kind }) => kind);
const count = (graph: Graph, kind: string): number => kinds(graph).filter((each) => each === kind).length;

const plain: ConvolutionAttributes = {
  layout: 'channels_last',
  padding: [1, 1, 1, 1],
  strides: [1, 1],
  lhsDilation: [1, 1],
  rhsDilation: [1, 1],
};
const channels = 3;
const kernel = [3, 3, channels, channels];

describe('channelsFirst', () => {
  it('leaves one transpose before and one behind a chain of convolutions with elementwise work between', () => {
    const graph = simplified(
      [[2, 5, 6, channels], kernel, kernel, [channels]],
      (b, x, first, second, bias) => {
        const y = b.binary('add', b.convolution(x, first, plain), bias);
        const slopes = b.select(b.compare('GT', y, b.splat(0, y.shape)), b.splat(1, y.shape), b.splat(0.2, y.shape));
        const z = b.convolution(b.binary('multiply', y, slopes), second, plain);
        return [b.binary('add', z, y)];
      },
      channelsFirst,
    );
    expect(count(graph, 'convolution')).toBe(2);
    const images = graph.operations.filter(
      ({ kind, operands }) => kind === 'transpose' && operands[0]!.shape[0] === 2 && operands[0]!.shape.length === 4,
    );
    expect(images.length).toBe(2);
  });

  it.each([
    ['', plain],
    [' of a strided convolution', { ...plain, rhsDilation: [2, 2] }],
    [' that is cropped', { ...plain, padding: [-1, 0, 1, 2] }],
    [' of a dilated convolution', { ...plain, strides: [2, 1], padding: [2, 2, 2, 2] }],
  ] as const)('writes the gradient of a kernel%s as products', (_, attributes) => {
    const [height, width] = attributes.rhsDilation[0] === 2 ? [11, 13] : [6, 7];
    const graph = simplified(
      [
        [3, height, width, 2],
        [6, 7, 2, 4],
      ],
      (b, x, dy) => [b.convolution(x, dy, attributes)],
      channelsFirst,
    );
    expect(count(graph, 'convolution')).toBe(0);
    const [, rows, columns] = graph.outputs[0]!.shape;
    expect(count(graph, 'dot_general')).toBe(rows! * columns!);
    // The rows under the kernel are cut out once for a row of places, and nothing else is.
    const [down, across] = attributes.rhsDilation;
    const phases = down * across;
    expect(count(graph, 'pad')).toBeLessThanOrEqual(columns! + 1);
    expect(count(graph, 'slice')).toBeLessThanOrEqual(rows! * across + (phases > 1 ? phases : 0));
  });

  it.each([
    ['last, over products of each', [3, 6, 7, 2], [6, 7, 2, 4], 1],
    ['with the rest, where the products of each are more numbers than the images', [40, 4, 4, 2], [4, 4, 2, 40], 0],
  ] as const)('sums the images of the gradient of a kernel %s', (_, image, dy, sums) => {
    const graph = simplified([[...image], [...dy]], (b, x, y) => [b.convolution(x, y, plain)], channelsFirst);
    expect(count(graph, 'reduce')).toBe(sums);
    expect(count(graph, 'dot_general')).toBe(9);
  });

  it('keeps a convolution that has more places than its kernel', () => {
    const build: Build = (b, x, weights) => [b.convolution(x, weights, plain)];
    expect(count(simplified([[1, 5, 5, channels], kernel], build, channelsFirst), 'convolution')).toBe(1);
  });
});

describe('transposes are done behind', () => {
  const shape = [2, 3, 4];
  const turn = [2, 0, 1];
  const cases: [string, number[][], Build][] = [
    ['unary operations', [shape], (b, x) => [b.unary('tanh', b.transpose(x, turn))]],
    ['sums', [shape, shape], (b, x, y) => [b.binary('add', b.transpose(x, turn), b.transpose(y, turn))]],
    ['sums with broadcasts', [shape, [2]], (b, x, y) => [b.binary('add', b.transpose(x, turn), b.reshape(y, [2, 1]))]],
    [
      'sums with broadcasts whose axes change places',
      [shape, [4, 2]],
      (b, x, y) => [b.binary('add', b.transpose(x, turn), b.broadcastInDim(y, [4, 2, 3], [0, 1]))],
    ],
    [
      'choices',
      [shape],
      (b, x) => {
        const y = b.transpose(x, turn);
        return [b.select(b.compare('GT', y, b.splat(0)), y, b.splat(-1))];
      },
    ],
    ['conversions', [shape], (b, x) => [b.convert(b.transpose(x, turn), 'int32')]],
    ['padding', [shape], (b, x) => [b.pad(b.transpose(x, turn), [1, 0, 2], [0, 3, 0], 0.5)]],
    ['slices', [shape], (b, x) => [b.slice(b.transpose(x, turn), [1, 0, 0], [4, 2, 3], [2, 1, 1])]],
    ['reversal', [shape], (b, x) => [b.reverse(b.transpose(x, turn), [0, 2])]],
    [
      'concatenation',
      [shape, [2, 3, 2]],
      (b, x, y) => [b.concatenate([b.transpose(x, turn), b.transpose(y, turn)], 0)],
    ],
  ];

  it.each(cases)('%s', (_, shapes, build) => {
    const { operations } = simplified(shapes, build);
    expect(operations.at(-1)!.kind).toBe('transpose');
    expect(
      operations.filter(({ kind, results }) => kind === 'transpose' && results[0]!.shape.length === 3).length,
    ).toBe(1);
  });

  it.each([
    [[0], [3, 4]],
    [[1], [4, 3]],
    [[0, 1], [3]],
  ])('reductions over %j', (axes, left) => {
    const graph = simplified([shape], (b, x) => [b.reduce('sum', b.transpose(x, turn), axes)]);
    expect(graph.operations[0]!.kind).toBe('reduce');
    expect(graph.outputs[0]!.shape.length).toBe(left.length);
  });

  it('but not where one operand is not transposed alike', () => {
    const graph = simplified([shape, [4, 2, 3]], (b, x, y) => [b.binary('add', b.transpose(x, turn), y)]);
    expect(kinds(graph)).toEqual(['transpose', 'add']);
  });

  it('and products read the operand as it was, where rows and columns fit', () => {
    const graph = simplified([shape, [5, 2, 4]], (b, x, y) => [
      b.dotGeneral(b.transpose(x, [1, 0, 2]), y, {
        lhsBatch: [1],
        rhsBatch: [1],
        lhsContract: [2],
        rhsContract: [2],
      }),
    ]);
    expect(kinds(graph)).toEqual(['dot_general']);
  });

  it('does the same work on the same transposes once', () => {
    const graph = simplified([shape], (b, x) => {
      const y = b.transpose(x, turn);
      return [b.binary('add', b.unary('tanh', y), b.unary('tanh', b.transpose(x, turn)))];
    });
    expect(count(graph, 'tanh')).toBe(1);
  });
});

describe('a convolution with the channels first', () => {
  it('is the one with the channels last between transposes', () => {
    const builder = new GraphBuilder();
    const [image, weights] = [builder.input([1, 2, 5, 6], 'float32'), builder.input([4, 2, 3, 3], 'float32')];
    const attributes: ConvolutionAttributes = { ...plain, layout: 'channels_first', strides: [2, 2] };
    const graph = builder.finish([builder.convolution(image, weights, attributes)]);
    const [x, w] = [uniform([1, 2, 5, 6]) as tf.Tensor4D, uniform([4, 2, 3, 3]) as tf.Tensor4D];
    const expected = tf.conv2d(tf.transpose(x, [0, 2, 3, 1]), tf.transpose(w, [2, 3, 1, 0]), 2, 1);
    const [result] = interpret(graph, [x, w]);
    expect(graph.outputs[0]!.shape).toEqual(result!.shape);
    expect(result!).toBeAllClose(tf.transpose(expected, [0, 3, 1, 2]), { rtol: 1e-6, atol: 1e-6 });
  });
});
