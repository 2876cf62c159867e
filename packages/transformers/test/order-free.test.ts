import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { ConfigError, randomKey, ShapeError } from '@vitvq/core';
import { drawDropoutMasks } from '@vitvq/layers';
import { crossEntropy } from '@vitvq/losses';
import { bertBlocks, tinyAnyOrder, tinyGPT, tinyMasked, tinyRAR, tokensOf } from '@vitvq/test-models';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import {
  createTransformer,
  haltonOrder,
  negativeLogLikelihood,
  randomOrder,
  rankOf,
  rasterOrder,
  tokenObjective,
  type AnyTransformer,
} from '../src/index.js';

const conditions = tokensOf<tf.Rank.R2>([2, 2], 5, 1);
const tokens = tokensOf<tf.Rank.R2>([2, 12], 11, 2);
const intTensor = (rows: readonly ArrayLike<number>[]): tf.Tensor2D =>
  tf.tensor2d(
    rows.flatMap((row) => [...Array.from(row)]),
    [rows.length, rows[0]!.length],
    'int32',
  );

/** Positions of the first image whose logits a change of the token at `changed` moves. */
function moved(logits: (tokens: tf.Tensor2D) => tf.Tensor, changed: number): number[] {
  const values = tokens.dataSync().slice();
  values[changed] = (values[changed]! + 1) % 11;
  const difference = tf.sub(logits(tf.tensor2d(values, [2, 12], 'int32')), logits(tokens));
  const perPosition = tf.max(tf.abs(difference), -1).arraySync() as number[][];
  return [...perPosition[0]!.keys()].filter((position) => perPosition[0]![position] !== 0);
}

describe('MaskedTransformer', () => {
  const known = Int32Array.of(1, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1);

  it('sees every known token from everywhere, and no unknown one', () => {
    const model = tinyMasked();
    const logits = (of: tf.Tensor2D): tf.Tensor => model.maskedLogits(conditions, of, intTensor([known, known]));
    expect(logits(tokens).shape).toEqual([2, 12, 11]);
    expect(moved(logits, 3)).toEqual([...rasterOrder(12)]);
    expect(moved(logits, 4)).toEqual([]);
  });

  it('has features of every block, of known tokens', () => {
    const model = tinyMasked();
    const features = model.features(conditions, tokens);
    expect(Object.keys(features)).toEqual(['embedding', 'blocks.0', 'blocks.1', 'norm']);
    expect(features['norm']!.shape).toEqual([2, 12, 8]);
  });

  it("has BERT's blocks and head where told to, whose logits are products with the vectors of tokens", () => {
    const model = tinyMasked({ ...bertBlocks, depth: 1 });
    const names = [...model.namedVariables().keys()].filter((name) => name.startsWith('head'));
    expect(names).toEqual(['head.bias', 'head.hidden.weight', 'head.hidden.bias', 'head.norm.scale', 'head.norm.bias']);
    const logits = (): tf.Tensor => model.maskedLogits(conditions, tokens, tf.onesLike(tokens));
    const before = logits();
    // The norm of the head is a bias alone, so that its output is a vector that is known.
    const named = model.namedVariables();
    named.get('head.norm.scale')!.assign(tf.zeros([8]));
    const vectors = tf.slice(named.get('embedding.tokens') as tf.Tensor2D, [0, 0], [11, -1]);
    const product = tf.matMul(vectors, tf.reshape(named.get('head.norm.bias')!, [8, 1]));
    const expected = tf.add(tf.reshape(product, [11]), named.get('head.bias')!);
    expect(logits()).toBeAllClose(tf.tile(tf.reshape(expected, [1, 1, 11]), [2, 12, 1]), { atol: 1e-5 });
    expect(logits()).not.toBeAllClose(before);
    const { norm, 'blocks.0': block } = model.features(conditions, tokens);
    expect(norm!).toBeAllClose(block!, { atol: 0 });
  });

  it('refuses a tied head without an activation, and a head that it does not know', () => {
    expect(() => tinyMasked({ head: 'tied', feedForward: 'swiglu' })).toThrow(
      /head is "tied": expected 'linear' with feedForward 'swiglu'/,
    );
    expect(() => tinyMasked({ head: 'bert' as 'tied' })).toThrow(ConfigError);
    expect(() => tinyMasked({ normPlacement: 'both' as 'post' })).toThrow(ConfigError);
  });

  it('refuses tokens and marks of another shape', () => {
    const model = tinyMasked();
    const some = tokensOf<tf.Rank.R2>([2, 7], 11, 2);
    expect(() => model.maskedLogits(conditions, some, some)).toThrow(ShapeError);
    expect(() => model.maskedLogits(conditions, tokens, some)).toThrow('There is one number for each token.');
  });
});

describe('AnyOrderTransformer', () => {
  const order = randomOrder(randomKey(4), 12);
  const rank = rankOf(order);

  it('predicts each token from those before it in the order alone', () => {
    const model = tinyAnyOrder();
    const ranks = intTensor([rank, rank]);
    const logits = (of: tf.Tensor2D): tf.Tensor => model.orderedLogits(conditions, of, { rank: ranks, known: ranks });
    for (const place of [0, 5, 11]) {
      expect(moved(logits, order[place]!)).toEqual([...order.subarray(place + 1)].toSorted((a, b) => a - b));
    }
  });

  it('predicts tokens that come together without each other', () => {
    const model = tinyAnyOrder();
    const known = intTensor([rank, rank].map((each) => each.map((place) => 4 * Math.floor(place / 4))));
    const logits = (of: tf.Tensor2D): tf.Tensor =>
      model.orderedLogits(conditions, of, { rank: intTensor([rank, rank]), known });
    for (const place of [4, 6, 7]) {
      expect(moved(logits, order[place]!)).toEqual([...order.subarray(8)].toSorted((a, b) => a - b));
    }
  });

  it('gives an image the likelihood of raster order', () => {
    const model = tinyAnyOrder();
    const raster = intTensor([rasterOrder(12), rasterOrder(12)]);
    const logits = model.orderedLogits(conditions, tokens, { rank: raster, known: raster });
    expect(tf.mean(negativeLogLikelihood(model, conditions, tokens))).toBeAllClose(crossEntropy(logits, tokens), {
      atol: 1e-6,
    });
  });

  it('has features of every block', () => {
    const features = tinyAnyOrder().features(conditions, tokens);
    expect(Object.keys(features)).toEqual(['embedding', 'blocks.0', 'blocks.1', 'norm']);
    expect(features['norm']!.shape).toEqual([2, 12, 8]);
  });
});

const kinds: [string, () => AnyTransformer][] = [
  ['MaskedTransformer', () => tinyMasked({ dropout: { residual: 0.5, activation: 0.25, attention: 0.2 } })],
  ['AnyOrderTransformer', () => tinyAnyOrder({ dropout: { residual: 0.5, activation: 0.25, attention: 0.2 } })],
  ["MaskedTransformer with BERT's blocks and head", () => tinyMasked({ ...bertBlocks, dropout: { residual: 0.5 } })],
  ["AnyOrderTransformer with BERT's blocks and head", () => tinyAnyOrder(bertBlocks)],
];

describe.each(kinds)('the objective of a %s', (_name, create) => {
  it('has the gradients of finite differences, with dropout', () => {
    const model = create();
    const objective = tokenObjective(model);
    const drawn = tf.tensor2d(objective.draw!(randomKey(3), 2, { progress: 0 }), [2, 12], 'int32');
    const dropoutMasks = drawDropoutMasks(randomKey(5), model.dropoutSites(2));
    expectGradientsMatchFiniteDifferences(
      () => {
        const { logits, weights } = objective.predictions(conditions, tokens, drawn, { dropoutMasks });
        return crossEntropy(logits, tokens, weights);
      },
      [],
      // ReLU squared has a kink in its second derivative.
      { variables: model.namedVariables(), elements: 2, step: 0.005, atol: 5e-4, rtol: 5e-3 },
    );
  });

  it('leaks no tensors', () => {
    const model = create();
    expectNoTensorLeak(() => {
      const drawn = tf.tensor2d(tokenObjective(model).draw!(randomKey(3), 2, { progress: 0 }), [2, 12], 'int32');
      const { logits, weights } = tokenObjective(model).predictions(conditions, tokens, drawn);
      tf.dispose([logits, drawn]);
      weights?.dispose();
    });
  });
});

describe('what an objective draws', () => {
  it('leaves at least one token of a masked model unknown, and more than half of them on average', () => {
    const { draw, drawForMeasuring } = tokenObjective(tinyMasked());
    const unknown = (known: Int32Array): number[] =>
      Array.from({ length: 500 }, (_, image) =>
        known.subarray(12 * image, 12 * (image + 1)).reduce((sum, is) => sum - is, 12),
      );
    const inTraining = unknown(draw!(randomKey(1), 500, { progress: 0 }));
    expect(Math.min(...inTraining)).toBeGreaterThanOrEqual(1);
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value / values.length, 0);
    // The mean of cos(pi/2 u) is 2/pi; rounding up adds up to a token.
    expect(mean(inTraining) / 12).toBeGreaterThan(2 / Math.PI);
    expect(mean(inTraining) / 12).toBeLessThan(2 / Math.PI + 1 / 12);
    const measured = unknown(drawForMeasuring!(randomKey(1), 500));
    expect(new Set(measured)).toEqual(new Set(Array.from({ length: 12 }, (_, index) => index + 1)));
    expect(mean(measured)).toBeCloseTo(6.5, 0);
  });

  it('is a permutation for any-order models, and raster order once that has been reached', () => {
    const orderAnnealing = { start: 0.5, end: 0.75 };
    const { draw } = tokenObjective(tinyAnyOrder(), { orderAnnealing });
    const isRaster = (progress: number): boolean[] => {
      const ranks = draw!(randomKey(2), 400, { progress });
      return Array.from({ length: 400 }, (_, image) => {
        const rank = ranks.subarray(12 * image, 12 * (image + 1));
        expect([...rank].toSorted((a, b) => a - b)).toEqual([...rasterOrder(12)]);
        return rank.every((place, position) => place === position);
      });
    };
    const part = (progress: number): number => isRaster(progress).filter(Boolean).length / 400;
    expect([0, 0.5].map(part)).toEqual([0, 0]);
    expect(part(0.625)).toBeGreaterThan(0.4);
    expect(part(0.625)).toBeLessThan(0.6);
    expect([0.75, 1].map(part)).toEqual([1, 1]);
  });

  it('is an order for a RAR, and raster order in a measurement', () => {
    const { draw, drawForMeasuring } = tokenObjective(tinyRAR());
    const orders = draw!(randomKey(2), 300, { progress: 0.5 });
    const firsts = new Set(Array.from({ length: 300 }, (_, image) => orders[12 * image]!));
    expect(firsts.size).toBe(12);
    expect([...draw!(randomKey(2), 2, { progress: 0.75 })]).toEqual([...rasterOrder(12), ...rasterOrder(12)]);
    expect(drawForMeasuring).toBeUndefined();
  });

  it('is the same for the same key', () => {
    for (const objective of [tokenObjective(tinyMasked()), tokenObjective(tinyAnyOrder())]) {
      const draw = (seed: number): number[] => [...objective.draw!(randomKey(seed), 3, { progress: 0 })];
      expect(draw(1)).toEqual(draw(1));
      expect(draw(1)).not.toEqual(draw(2));
    }
  });

  it('is nothing for models of raster order, which have no annealing', () => {
    expect(tokenObjective(tinyGPT()).draw).toBeUndefined();
    expect(() => tokenObjective(tinyGPT(), { orderAnnealing: { start: 0, end: 1 } })).toThrow(ConfigError);
  });
});

describe('orders of positions', () => {
  it('hold every position once, and a Halton order spreads any stretch over the image', () => {
    const order = haltonOrder([8, 8]);
    expect([...order].toSorted((a, b) => a - b)).toEqual([...rasterOrder(64)]);
    for (let start = 0; start < 64; start += 16) {
      const quarters = new Set(
        [...order.subarray(start, start + 16)].map((at) => 2 * Number(at >= 32) + Number(at % 8 >= 4)),
      );
      expect(quarters.size).toBe(4);
    }
    expect([...rankOf(order)].map((place, position) => order[place] === position)).not.toContain(false);
  });

  it('are drawn for grids that are not square, down to one position', () => {
    expect([...haltonOrder([3, 5])].toSorted((a, b) => a - b)).toEqual([...rasterOrder(15)]);
    expect([...haltonOrder([1, 1])]).toEqual([0]);
  });
});

it('createTransformer builds models of any order from a config', () => {
  const size = { dim: 8, depth: 1, numHeads: 2 } as const;
  const fit = { vocabSize: 11, grid: [3, 4] as const, conditionVocabSize: 5, key: randomKey(0) };
  expect(createTransformer({ kind: 'masked', ...size }, fit).type).toBe('masked');
  expect(createTransformer({ kind: 'any-order', ...size }, fit).type).toBe('any-order');
  expect(() => createTransformer({ kind: 'masked', ...size }, { ...fit, codeDepth: 2 })).toThrow(
    'kind rq-transformer for tokens of 2 codes',
  );
  const bert = { ...bertBlocks, ...size, kind: 'masked' } as const;
  expect(createTransformer(bert, fit).config).toMatchObject(bertBlocks);
  expect(() => createTransformer({ ...bert, activation: undefined, feedForward: 'swiglu' }, fit)).toThrow(/head/);
  const withMixing = { kind: 'masked', useTimeMixing: true, ...size } as never;
  expect(() => createTransformer(withMixing, fit)).toThrow('useTimeMixing');
});
