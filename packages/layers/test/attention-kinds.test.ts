import { compilingEngines, expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError, randomKey, type RandomKey, type RecordingBackend } from '@vitvq/core';
import { compile, useEngine } from '@vitvq/engine';
import { attentionCases } from '@vitvq/test-models/attention-cases';
import { afterAll, describe, expect, it } from 'vitest';
import {
  blockwiseAttention,
  MultiHeadAttention,
  multiHeadAttentionReferenceWeights,
  scaledDotProductAttention,
  Transformer,
  type AttentionConfig,
} from '../src/index.js';
import { AxialAttention } from '../src/axial-attention.js';
import { LinformerAttention } from '../src/linformer-attention.js';
import { PerformerAttention } from '../src/performer-attention.js';
import { StridedAttention } from '../src/strided-attention.js';
import { WindowedAttention } from '../src/windowed-attention.js';
import { normal, shake } from './helpers.js';

type Heads = [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
type Pair = readonly [number, number];

const key: RandomKey = randomKey(3);
const grid: Pair = [4, 6];
const [rows, columns] = grid;
const tokens = rows * columns;
const [batch, numHeads, headDim] = [2, 3, 4];

const draw = (count = tokens, stddev = 1): Heads =>
  [1, 2, 3].map((seed) => normal<tf.Rank.R4>([batch, numHeads, count, headDim], seed, stddev)) as Heads;

/** Full attention with numbers `[heads or 1, tokens, tokens]` that are added to the scores. */
function dense([q, k, v]: Heads, added: (head: number, query: number, key: number) => number): tf.Tensor {
  const count = q.shape[2];
  const extra = Float32Array.from({ length: numHeads * count * count }, (_, index) =>
    added(Math.floor(index / count ** 2), Math.floor(index / count) % count, index % count),
  );
  const scores = tf.mul(tf.matMul(q, k, false, true), headDim ** -0.5);
  return tf.matMul(tf.softmax(tf.add(scores, tf.tensor(extra, [numHeads, count, count]))), v);
}

/** The same with scores that a pattern leaves out. */
const masked = (heads: Heads, sees: (query: number, key: number) => boolean): tf.Tensor =>
  dense(heads, (_head, query, other) => (sees(query, other) ? 0 : -Infinity));

const place = (token: number): Pair => [Math.floor(token / columns), token % columns];

describe('windowed attention', () => {
  const shifts: [string, Pair, Pair][] = [
    ['windows in place', [2, 3], [0, 0]],
    ['shifted windows', [2, 3], [1, 1]],
    ['windows that are shifted along one axis', [4, 2], [0, 1]],
    ['one window', [4, 6], [0, 0]],
  ];

  it.each(shifts)('equals full attention with biases under a mask: %s', (_name, window, shift) => {
    const attention = new WindowedAttention({ grid, window, shift, numHeads, headDim, key });
    shake(attention);
    const table = attention.namedVariables().get('bias')!;
    expect(table.shape).toEqual([(2 * window[0] - 1) * (2 * window[1] - 1), numHeads]);
    const biases = table.arraySync() as number[][];
    // In the shifted grid, tokens before the shift come last, behind the edge.
    const shifted = (token: number): number[] =>
      place(token).map((at, axis) => (at - shift[axis]! + grid[axis]!) % grid[axis]!);
    const sameWindow = (a: number, b: number): boolean =>
      shifted(a).every((at, axis) => Math.floor(at / window[axis]!) === Math.floor(shifted(b)[axis]! / window[axis]!));
    const sameSide = (a: number, b: number): boolean =>
      place(a).every((at, axis) => at < shift[axis]! === place(b)[axis]! < shift[axis]!);
    const heads = draw();
    const expected = dense(heads, (head, query, other) => {
      if (!sameWindow(query, other) || !sameSide(query, other)) return -Infinity;
      const [down, right] = place(query).map((at, axis) => at - place(other)[axis]! + window[axis]! - 1);
      return biases[down! * (2 * window[1] - 1) + right!]![head]!;
    });
    expect(attention.attend(...heads)).toBeAllClose(expected, { atol: 1e-5 });
    attention.dispose();
  });

  it('shifts the windows of every second block, but not along an axis that a window spans', () => {
    const changed = (config: AttentionConfig): number[][] => {
      const [first, second] = [0, 1].map(
        (blockIndex) => new MultiHeadAttention({ dim: 4, numHeads: 1, grid, attention: config, blockIndex, key }),
      ) as [MultiHeadAttention, MultiHeadAttention];
      const x = normal<tf.Rank.R3>([1, tokens, 4], 1);
      const difference = tf.sub(first.apply(x), second.apply(x));
      return tf.sum(tf.abs(difference), 2).arraySync() as number[][];
    };
    expect(Math.max(...changed({ kind: 'windowed', window: 2 })[0]!)).toBeGreaterThan(1e-3);
    expect(Math.max(...changed({ kind: 'windowed', window: [4, 6] })[0]!)).toBe(0);
    expect(Math.max(...changed({ kind: 'windowed', window: 2, shift: false })[0]!)).toBe(0);
  });
});

describe('axial attention', () => {
  it.each([
    ['row', 0],
    ['column', 1],
  ] as const)('sees the tokens of the same %s', (axis, index) => {
    const attention = new AxialAttention({ grid, axis, headDim });
    const heads = draw();
    const expected = masked(heads, (query, other) => place(query)[index] === place(other)[index]);
    expect(attention.attend(...heads)).toBeAllClose(expected, { atol: 1e-5 });
  });
});

describe('strided attention', () => {
  it.each([2, 3, 6, 12])('sees the tokens near by and every %i-th', (stride) => {
    const attention = new StridedAttention({ tokens, stride, headDim });
    const heads = draw();
    const expected = masked(
      heads,
      (query, other) => Math.abs(query - other) < stride || (query - other) % stride === 0,
    );
    expect(attention.attend(...heads)).toBeAllClose(expected, { atol: 1e-5 });
  });
});

describe('linformer attention', () => {
  it('attends to mixtures of keys and of values', () => {
    const rank = 5;
    const attention = new LinformerAttention({ tokens, rank, headDim, key });
    const [ofKeys, ofValues] = ['keyProjection', 'valueProjection'].map(
      (name) => attention.namedVariables().get(name) as tf.Tensor2D,
    );
    const [q, k, v] = draw();
    const perHead = (x: tf.Tensor4D): tf.Tensor2D[] =>
      tf.unstack(tf.reshape(x, [batch * numHeads, tokens, headDim])) as tf.Tensor2D[];
    const expected = perHead(q).map((query, head) => {
      const keys = tf.matMul(ofKeys!, perHead(k)[head]!, true); // [rank, headDim]
      const values = tf.matMul(ofValues!, perHead(v)[head]!, true);
      return tf.matMul(tf.softmax(tf.mul(tf.matMul(query, keys, false, true), headDim ** -0.5)), values);
    });
    expect(attention.attend(q, k, v)).toBeAllClose(tf.reshape(tf.stack(expected), q.shape), { atol: 1e-5 });
    attention.dispose();
  });
});

describe('performer attention', () => {
  const features = (count: number, seed: number): PerformerAttention =>
    new PerformerAttention({ features: count, headDim, key: randomKey(seed) });

  it('comes nearer to full attention with more features', () => {
    const heads = draw(tokens, 0.7);
    const full = scaledDotProductAttention(...heads, headDim ** -0.5);
    const errors = [8, 64, 512].map((count) => {
      const squares = [1, 2, 3, 4].map((seed) => {
        const attention = features(count, seed);
        const error = tf.mean(tf.square(tf.sub(attention.attend(...heads), full))).dataSync()[0]!;
        attention.dispose();
        return error;
      });
      return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / squares.length);
    });
    // The error of a mean of m draws falls with the square root of m; few draws vary a lot.
    expect(errors[1]!).toBeLessThan(0.7 * errors[0]!);
    expect(errors[2]!).toBeLessThan(0.7 * errors[1]!);
    expect(errors[2]!).toBeLessThan(0.05);
  });

  it('draws directions that are orthogonal within each group, and long as normal vectors are', () => {
    const attention = features(6, 1);
    const directions = attention.namedVariables().get('features')!;
    expect(directions.shape).toEqual([6, headDim]);
    expect(attention.trainableVariables()).toEqual([]);
    const products = tf.matMul<tf.Tensor2D>(directions, directions, false, true).arraySync();
    const inGroup = (index: number): number => Math.floor(index / headDim);
    products.forEach((row, index) => {
      row.forEach((product, other) => {
        if (index !== other && inGroup(index) === inGroup(other)) expect(Math.abs(product)).toBeLessThan(1e-5);
      });
    });
    attention.dispose();
    const many = features(2000, 2);
    const squares = tf.mean(tf.square(many.namedVariables().get('features')!)).dataSync()[0]!;
    expect(squares).toBeCloseTo(1, 1);
    many.dispose();
  });

  it('keeps large scores finite', () => {
    const heads = draw(tokens, 30);
    const attention = features(16, 1);
    expect([...attention.attend(...heads).dataSync()].every(Number.isFinite)).toBe(true);
    attention.dispose();
  });
});

describe('blockwiseAttention', () => {
  it.each([1, 5, 8, 24, 30])('equals full attention with blocks of %i keys, values and gradients', (blockSize) => {
    const heads = draw(tokens, 2);
    const dy = normal<tf.Rank.R4>([batch, numHeads, tokens, headDim], 4);
    const full = (...x: tf.Tensor[]): tf.Tensor => scaledDotProductAttention(...(x as Heads), 0.5);
    const blockwise = (...x: tf.Tensor[]): tf.Tensor => blockwiseAttention(...(x as Heads), 0.5, blockSize);
    expect(blockwise(...heads)).toBeAllClose(full(...heads), { atol: 1e-5 });
    const expected = tf.grads(full)(heads, dy);
    tf.grads(blockwise)(heads, dy).forEach((gradient, index) => {
      expect(gradient).toBeAllClose(expected[index]!, { atol: 1e-5 });
    });
  });

  it('keeps large scores finite', () => {
    const heads = draw(tokens, 100);
    expect(blockwiseAttention(...heads, 1, 7)).toBeAllClose(scaledDotProductAttention(...heads, 1), { atol: 1e-3 });
  });

  it('takes memory that grows with the tokens, and not with their square', async () => {
    const peak = async (attend: (...heads: Heads) => tf.Tensor4D, count: number): Promise<number> => {
      const heads = draw(count).map((x) => tf.slice(x, 0, [1, 1, count, headDim])) as Heads;
      const before = tf.memory().numBytes;
      const { peakBytes } = await tf.profile(() =>
        tf.tidy(() => tf.grads((...x: tf.Tensor[]) => tf.sum(attend(...(x as Heads))))(heads)),
      );
      return peakBytes - before;
    };
    const blockwise = (...heads: Heads): tf.Tensor4D => blockwiseAttention(...heads, 0.5, 32);
    const full = (...heads: Heads): tf.Tensor4D => scaledDotProductAttention(...heads, 0.5);
    const [small, large] = [await peak(blockwise, 128), await peak(blockwise, 512)];
    expect(large / small).toBeLessThan(4.5);
    expect(await peak(full, 512)).toBeGreaterThan(4 * large);
  });

  it('is one composite each way, in which a block waits for all that is made of the block before', () => {
    const seen: [string, number, number][] = [];
    Object.assign(tf.backend(), {
      recordComposite: (name, _attributes, operands, body) => {
        const results = body(...operands);
        seen.push([name, operands.length, results.length]);
        return results;
      },
    } satisfies Partial<RecordingBackend>);
    try {
      const [q, k, v] = draw();
      tf.grad((x: tf.Tensor) => blockwiseAttention(x as tf.Tensor4D, k, v, 0.5, 8))(q);
    } finally {
      Reflect.deleteProperty(tf.backend(), 'recordComposite');
    }
    const barrier = (operands: number): [string, number, number] => ['optimization_barrier', operands, operands];
    expect(seen).toEqual([
      ...[barrier(2), barrier(5), barrier(5)],
      ['blockwise_attention', 3, 2],
      ...[barrier(3), barrier(5), barrier(5)],
      ['blockwise_attention_grad', 6, 3],
    ]);
  });

  it('refuses shapes that differ, and blocks of nothing', () => {
    const [q, k] = draw();
    expect(() => blockwiseAttention(q, k, normal<tf.Rank.R4>([1, 1, 5, 2], 1), 1, 2)).toThrow(
      'blockwiseAttention: expected shape [2, 3, 24, 4], got [1, 1, 5, 2].',
    );
    expect(() => blockwiseAttention(q, k, k, 1, 0)).toThrow(
      'blockwiseAttention: expected blockSize to be an integer of at least 1, got 0.',
    );
  });
});

const cases = Object.entries(attentionCases);

/** The second block, whose windows are shifted, on a grid of 4 x 4. */
const create = (attention: AttentionConfig, blockIndex = 1): MultiHeadAttention => {
  const module = new MultiHeadAttention({ dim: 4, numHeads: 2, attention, grid: [4, 4], blockIndex, key });
  shake(module);
  return module;
};

describe.each(cases)('MultiHeadAttention of kind %s', (kind, attention) => {
  it('has the right gradients', () => {
    const module = create(attention);
    expectGradientsMatchFiniteDifferences((x) => module.apply(x as tf.Tensor3D), [normal([2, 16, 4], 5)], {
      variables: module.namedTrainableVariables(),
      elements: 12,
    });
    module.dispose();
  });

  it('leaves no tensors behind, forward and backward', () => {
    const module = create(attention);
    const x = normal<tf.Rank.R3>([2, 16, 4], 5);
    expectNoTensorLeak(() => module.apply(x).dispose());
    expectNoTensorLeak(() => {
      const { value, grads } = tf.variableGrads(() => tf.sum(module.apply(x)));
      tf.dispose([value, grads]);
    });
    tf.dispose(x);
    module.dispose();
  });

  it('names its variables after those of full attention, and draws those alike', () => {
    const own: Partial<Record<string, string[]>> = {
      windowed: ['mechanism.bias'],
      linformer: ['mechanism.keyProjection', 'mechanism.valueProjection'],
      performer: ['mechanism.features'],
    };
    const [full, module] = [create({ kind: 'full' }), create(attention)];
    const names = ['qkv.weight', 'output.weight', 'output.bias'];
    expect([...module.namedVariables().keys()]).toEqual([...names, ...(own[kind] ?? [])]);
    for (const name of names) {
      expect(module.namedVariables().get(name)!.dataSync()).toEqual(full.namedVariables().get(name)!.dataSync());
    }
    full.dispose();
    module.dispose();
  });
});

describe('configs of attention', () => {
  const refused: [string, AttentionConfig, string][] = [
    ['a window', { kind: 'windowed', window: 4 }, 'a window that divides the grid of 4x6 tokens'],
    ['a window that is taller', { kind: 'windowed', window: [8, 2] }, 'a window that divides the grid of 4x6 tokens'],
    [
      'a shift of one window',
      { kind: 'windowed', window: [4, 6], shift: true },
      'a window that can be shifted, or without shift',
    ],
    ['a stride', { kind: 'strided', stride: 5 }, 'a stride below 24 tokens that divides them'],
    ['a stride of everything', { kind: 'strided', stride: 24 }, 'a stride below 24 tokens that divides them'],
    ['a rank', { kind: 'linformer', rank: 24 }, 'a rank below 24 tokens'],
    ['a block', { kind: 'blockwise', blockSize: 24 }, 'a blockSize below 24 tokens'],
  ];

  it.each(refused)('refuse %s that does not fit', (_name, attention, expected) => {
    const building = (): unknown => new MultiHeadAttention({ dim: 4, numHeads: 2, grid, attention, key });
    expect(building).toThrow(ConfigError);
    expect(building).toThrow(
      `MultiHeadAttention: expected attention with ${expected}, got ${JSON.stringify(attention)}.`,
    );
  });

  it('refuse rows or columns of one token, and axes for which there is no block', () => {
    const options = { dim: 4, numHeads: 2, mlpDim: 4, attention: { kind: 'axial' }, key } as const;
    expect(() => new MultiHeadAttention({ ...options, grid: [1, 6] })).toThrow(
      'expected attention with rows and columns of several tokens each, which 1x6 has not',
    );
    expect(() => new Transformer({ ...options, grid, depth: 1 })).toThrow(
      'Transformer: expected attention with two blocks or more, which attend along rows and along columns in turn',
    );
    const attention = { kind: 'windowed', window: 2, shift: true } as const;
    expect(() => new Transformer({ ...options, attention, grid, depth: 1 })).toThrow(
      'Transformer: expected attention with a second block, whose windows would be shifted, or without shift',
    );
  });

  it('name every problem at once', () => {
    const creating = (attention: object) => (): unknown =>
      new MultiHeadAttention({ dim: 4, numHeads: 2, grid, attention: attention as AttentionConfig, key });
    expect(creating({ kind: 'windowed', window: [0, 1.5], shifts: true })).toThrow(
      /3 problems: attention\.window\.0 is 0: expected an integer of at least 1.*unknown option "attention\.shifts" \(did you mean "shift"\?\)/,
    );
    expect(creating({ kind: 'windowed', window: [1, 1] })).toThrow('expected a window of several tokens');
    expect(creating({ kind: 'local' })).toThrow(/attention\.kind is "local".*'full' \| 'windowed'/);
  });

  it.each(cases.filter(([kind]) => kind !== 'full' && kind !== 'performer'))(
    'of kind %s need a grid',
    (kind, attention) => {
      expect(() => new MultiHeadAttention({ dim: 4, numHeads: 2, attention, key })).toThrow(
        `MultiHeadAttention: expected grid, the rows and columns of the tokens, for attention of kind ${kind}, got none.`,
      );
    },
  );

  it('hold for the number of tokens that the grid has', () => {
    const module = create({ kind: 'full' });
    expect(() => module.apply(normal<tf.Rank.R3>([1, 15, 4], 1))).toThrow(
      'MultiHeadAttention.apply: expected shape [B, 16, 4], got [1, 15, 4].',
    );
    module.dispose();
  });

  it('load weights of the reference where they compute what it computes', () => {
    const names = multiHeadAttentionReferenceWeights().map(({ name }) => name);
    const attention = attentionCases.blockwise;
    expect(multiHeadAttentionReferenceWeights({ attention }).map(({ name }) => name)).toEqual(names);
    expect(() => multiHeadAttentionReferenceWeights({ attention: attentionCases.axial })).toThrow(
      'expected an attention that computes what the reference computes (full, blockwise), got {"kind":"axial"}.',
    );
  });
});

for (const { name, isHere } of await compilingEngines()) {
  describe.skipIf(!isHere)(`compiled on the engine ${name}`, () => {
    afterAll(async () => {
      await useEngine({ name: 'cpu' });
    });

    it.each(cases)('attention of kind %s gives the same values and gradients', async (_kind, attention) => {
      const results = async (engine: 'cpu' | typeof name): Promise<number[][]> => {
        await useEngine({ name: engine, onCompile: () => undefined });
        const module = create(attention);
        const step = compile((x: tf.Tensor3D, weights: tf.Tensor3D) => {
          const variables = module.trainableVariables();
          const { value, grads } = tf
            .engine()
            .gradients(() => tf.sum(tf.mul(module.apply(x), weights)), [x, ...variables], undefined, true);
          return { value, ...Object.fromEntries(grads.map((grad, index) => [`grad${index}`, grad])) };
        });
        const [x, weights] = [5, 6].map((seed) => normal<tf.Rank.R3>([2, 16, 4], seed));
        const tensors: Record<string, tf.Tensor> = await step(x!, weights!);
        const values = await Promise.all(Object.values(tensors).map(async (tensor) => [...(await tensor.data())]));
        step.dispose();
        module.dispose();
        return values;
      };
      const expected = await results('cpu');
      (await results(name)).forEach((values, index) => {
        expect(tf.tensor1d(values)).toBeAllClose(tf.tensor1d(expected[index]!), { rtol: 1e-3, atol: 1e-4 });
      });
    });
  });
}
