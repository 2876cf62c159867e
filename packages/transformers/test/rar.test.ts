import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { ConfigError, randomKey, ShapeError } from '@vitvq/core';
import { drawDropoutMasks } from '@vitvq/layers';
import { crossEntropy } from '@vitvq/losses';
import { tinyRAR, tokensOf } from '@vitvq/test-models';
import { expectGradientsMatchFiniteDifferences, expectNoTensorLeak } from '@vitvq/test-utils';
import { RAR, takesOrders } from '../src/index.js';

const conditions = tokensOf<tf.Rank.R2>([2, 1], 5, 1);
const tokens = tokensOf<tf.Rank.R2>([2, 12], 11, 2);
const reversed = Array.from({ length: 12 }, (_, index) => 11 - index);
const raster = Array.from({ length: 12 }, (_, index) => index);
const shuffled = [5, 0, 11, 3, 7, 1, 2, 9, 4, 10, 8, 6];
const ordersOf = (...orders: number[][]): tf.Tensor2D => tf.tensor2d(orders, undefined, 'int32');
const dropout = { residual: 0.5, activation: 0.25, attention: 0.2 };

/** Positions of the first image whose logits change with a token. */
function changedBy(model: RAR, position: number, orders?: tf.Tensor2D): number[] {
  const values = tokens.arraySync();
  values[0]![position] = (values[0]![position]! + 1) % 11;
  const before = model.logits(conditions, tokens, { orders }).arraySync()[0]!;
  const after = model.logits(conditions, tf.tensor2d(values, [2, 12], 'int32'), { orders }).arraySync()[0]!;
  return raster.filter((at) => after[at]!.some((value, index) => value !== before[at]![index]));
}

describe('RAR', () => {
  it('predicts each token from those before it in the order alone', () => {
    const model = tinyRAR();
    const orders = ordersOf(shuffled, reversed);
    for (const position of [5, 11, 10, 6]) {
      const after = shuffled.slice(shuffled.indexOf(position) + 1).sort((a, b) => a - b);
      expect(changedBy(model, position, orders)).toEqual(after);
      expect(changedBy(model, position)).toEqual(raster.slice(position + 1));
    }
  });

  it('gives in raster order what it gives without an order', () => {
    const model = tinyRAR();
    const logits = model.logits(conditions, tokens);
    expect(logits.shape).toEqual([2, 12, 11]);
    expect(model.logits(conditions, tokens, { orders: ordersOf(raster, raster) })).toBeAllClose(logits, { atol: 1e-5 });
    expect(model.logits(conditions, tokens, { orders: ordersOf(raster, shuffled) })).not.toBeAllClose(logits);
  });

  it('takes an order of each image', () => {
    const model = tinyRAR();
    const both = model.logits(conditions, tokens, { orders: ordersOf(shuffled, reversed) });
    const second = model.logits(tf.slice(conditions, [1, 0]), tf.slice(tokens, [1, 0]), { orders: ordersOf(reversed) });
    expect(tf.slice(both, [1, 0, 0])).toBeAllClose(second, { atol: 1e-5 });
  });

  it('knows which token comes next, though nothing else tells it', () => {
    // The same inputs before, another target.
    const model = tinyRAR();
    const other = [5, 11, ...shuffled.filter((position) => position !== 5 && position !== 11)];
    const given = (order: number[], position: number): tf.Tensor =>
      tf.slice(model.logits(conditions, tokens, { orders: ordersOf(order, order) }), [0, position, 0], [1, 1, 11]);
    expect(given(shuffled, 0)).not.toBeAllClose(given(other, 11), { atol: 1e-3 });
    expect(given(shuffled, 5)).toBeAllClose(given(other, 5), { atol: 1e-5 });
  });

  it('takes fewer tokens than positions, down to one, but not in an order', () => {
    const model = tinyRAR();
    const all = model.logits(conditions, tokens);
    for (const count of [1, 7]) {
      const some = model.logits(conditions, tf.slice(tokens, [0, 0], [2, count]));
      expect(some).toBeAllClose(tf.slice(all, [0, 0, 0], [2, count, 11]), { atol: 1e-5 });
    }
    const orders = ordersOf(shuffled, reversed);
    expect(() => model.logits(conditions, tf.slice(tokens, [0, 0], [2, 7]), { orders })).toThrow(
      /all 12 tokens with an order, got \[2, 7\]/,
    );
    expect(() => model.logits(conditions, tokens, { orders: ordersOf(shuffled) })).toThrow(ShapeError);
  });

  it('takes embeddings for conditions', () => {
    const model = tinyRAR();
    const table = model.namedVariables().get('embedding.conditions') as tf.Tensor2D;
    const embedded = tf.reshape<tf.Rank.R3>(tf.gather(table, conditions), [2, 1, 8]);
    expect(model.logits(embedded, tokens)).toBeAllClose(model.logits(conditions, tokens));
    expect(() => model.logits(tf.zeros<tf.Rank.R3>([2, 1, 7]), tokens)).toThrow(ShapeError);
    expect(() => tinyRAR({ conditionVocabSize: undefined }).logits(conditions, tokens)).toThrow(/conditionVocabSize/);
  });

  it('names what every block makes of the tokens', () => {
    const model = tinyRAR();
    const features = model.features(conditions, tokens);
    expect(Object.keys(features)).toEqual(model.featureNames);
    for (const feature of Object.values(features)) expect(feature.shape).toEqual([2, 12, 8]);
  });

  it('has the right gradients of the loss, in any order, with dropout', () => {
    const model = tinyRAR({ depth: 1, dropout, grid: [1, 3] });
    const [orders, three] = [ordersOf([2, 0, 1], [1, 2, 0]), tokensOf<tf.Rank.R2>([2, 3], 11, 2)];
    const dropoutMasks = drawDropoutMasks(randomKey(3), model.dropoutSites(2));
    expect(Object.keys(dropoutMasks)).toEqual([
      'blocks.0.attention.probabilities',
      'blocks.0.attentionResidual',
      'blocks.0.activation',
      'blocks.0.feedForwardResidual',
    ]);
    expectGradientsMatchFiniteDifferences(
      () => crossEntropy(model.logits(conditions, three, { dropoutMasks, orders }), three),
      [],
      { variables: model.namedVariables(), elements: 2, step: 0.005, atol: 5e-4, rtol: 5e-3 },
    );
  });

  it('starts with blocks that add nothing', () => {
    const size = { vocabSize: 11, grid: [3, 4], conditionVocabSize: 5, dim: 8, depth: 2, numHeads: 2 } as const;
    const features = new RAR({ ...size, key: randomKey(1) }).features(conditions, tokens);
    expect(features['blocks.1']!).toBeAllClose(features['embedding']!, { atol: 0 });
  });

  it('says that it takes orders, and how long its prefix is', () => {
    const model = tinyRAR();
    expect(takesOrders(model)).toBe(true);
    expect(model.prefixLength).toBe(2);
  });

  it('refuses tokens of other shapes, and options that make no sense', () => {
    const model = tinyRAR();
    expect(() => model.logits(conditions, tokensOf<tf.Rank.R2>([2, 13], 11, 1))).toThrow(/1 to 12 tokens an image/);
    expect(() => model.logits(conditions, tokensOf<tf.Rank.R2>([3, 12], 11, 1))).toThrow(/as many images, got 2 and 3/);
    expect(() => model.logits(tokensOf<tf.Rank.R2>([2, 2], 5, 1), tokens)).toThrow(ShapeError);
    const before = tf.memory().numTensors;
    expect(() => tinyRAR({ dim: 9 })).toThrow(/dim is 9: expected a multiple of numHeads/);
    expect(() => tinyRAR({ conditionLength: 2 })).toThrow(ConfigError);
    expect(() => tinyRAR({ dropout: { attention: 1 } })).toThrow(ConfigError);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('leaves no tensors behind', () => {
    const model = tinyRAR();
    const orders = ordersOf(shuffled, reversed);
    expectNoTensorLeak(() => {
      model.logits(conditions, tokens, { orders }).dispose();
      tf.dispose(model.features(conditions, tokens));
    });
  });
});
