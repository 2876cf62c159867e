import * as tf from '@tensorflow/tfjs';
import { ConfigError, foldIn, randomInts, randomKey, randomUniform } from '@vitvq/core';
import '@vitvq/test-utils';
import { describe, expect, it } from 'vitest';
import { drawTokens, filterLogits, type FilterOptions } from '../src/index.js';
import { normal } from '@vitvq/test-models';

const row = (logits: number[]): tf.Tensor2D => tf.tensor2d(logits, [1, logits.length]);
const probabilities = (logits: number[], options: FilterOptions): number[] => [
  ...filterLogits(row(logits), options).dataSync(),
];
const kept = (logits: number[], options: FilterOptions): number[] =>
  probabilities(logits, options).flatMap((value, index) => (value > 0 ? [index] : []));

/** Rows with many ties: a few different logits. */
function tiedRows(count: number): number[][] {
  return Array.from({ length: count }, (_, index) =>
    [...randomInts(foldIn(randomKey(3), index), 9, 4)].map((value) => value / 2),
  );
}

describe('filterLogits', () => {
  it('is the softmax without options, and with those that keep all', () => {
    const logits = normal<tf.Rank.R2>([4, 9], 1, 3);
    const expected = tf.softmax(logits);
    // A p of 1 keeps what is all but impossible.
    expect(kept([0, -32], { topP: 1 })).toEqual([0, 1]);
    for (const options of [{}, { topK: 9 }, { topP: 1 }, { temperature: 1, topK: 9, topP: 1 }]) {
      expect(filterLogits(logits, options)).toBeAllClose(expected);
    }
  });

  it('keeps k tokens, and those as likely as the k-th', () => {
    expect(kept([1, 3, 2, 0], { topK: 2 })).toEqual([1, 2]);
    expect(kept([1, 3, 2, 2], { topK: 2 })).toEqual([1, 2, 3]);
    for (const logits of tiedRows(20)) {
      for (let topK = 1; topK <= 9; topK++) {
        const least = [...logits].sort((a, b) => b - a)[topK - 1]!;
        expect(kept(logits, { topK })).toEqual(logits.flatMap((value, index) => (value >= least ? [index] : [])));
      }
    }
  });

  it('keeps the fewest tokens that reach p, and those as likely as the least of them', () => {
    const logits = [0.5, 0.3, 0.1, 0.1].map(Math.log);
    expect(kept(logits, { topP: 0.4 })).toEqual([0]);
    expect(kept(logits, { topP: 0.6 })).toEqual([0, 1]);
    expect(kept(logits, { topP: 0.85 })).toEqual([0, 1, 2, 3]);
    expect(probabilities(logits, { topP: 0.6 })).toBeAllClose([0.625, 0.375, 0, 0]);
    for (const tied of tiedRows(20)) {
      for (const topP of [1e-6, 0.1, 0.33, 0.5, 0.9, 0.999999, 1]) {
        const left = kept(tied, { topP });
        const full = probabilities(tied, {});
        const mass = left.reduce((sum, index) => sum + full[index]!, 0);
        expect(mass).toBeGreaterThan(topP - 1e-5);
        const least = Math.min(...left.map((index) => full[index]!));
        // Without the least likely ones it would not be enough.
        const more = left.filter((index) => full[index]! > least + 1e-7);
        expect(more.reduce((sum, index) => sum + full[index]!, 0)).toBeLessThan(topP);
        // Ties stay together.
        expect(full.filter((value) => value > least - 1e-7)).toHaveLength(left.length);
      }
    }
  });

  it('keeps the most likely token at a p near 0, and all at a p near 1', () => {
    const logits = normal<tf.Rank.R2>([1, 30], 5, 2).arraySync()[0]!;
    const best = logits.indexOf(Math.max(...logits));
    expect(kept(logits, { topP: Number.MIN_VALUE })).toEqual([best]);
    expect(kept(logits, { topP: 1 - 1e-9 })).toHaveLength(30);
  });

  it('comes to the most likely token at a temperature near 0, and to all alike at a high one', () => {
    const logits = [1, 1.0001, -50, 0.9];
    for (const temperature of [1e-6, 1e-30, 1e-300, Number.MIN_VALUE]) {
      expect(probabilities(logits, { temperature })).toBeAllClose([0, 1, 0, 0]);
    }
    expect(probabilities([5, 5, 1], { temperature: 1e-40 })).toBeAllClose([0.5, 0.5, 0]);
    expect(probabilities(logits, { temperature: 1e300 })).toBeAllClose([0.25, 0.25, 0.25, 0.25]);
    expect(probabilities([1e30, -1e30], { temperature: 1e-20 })).toBeAllClose([1, 0]);
  });

  it('filters what top-k left by top-p', () => {
    const logits = [0.4, 0.3, 0.2, 0.1].map(Math.log);
    // Of the first three, the first has 0.44.
    expect(kept(logits, { topK: 3, topP: 0.43 })).toEqual([0]);
    expect(kept(logits, { topP: 0.43 })).toEqual([0, 1]);
  });

  it.each([
    [{ temperature: 0 }, /temperature .* above 0.*got 0/],
    [{ temperature: -1 }, /temperature/],
    [{ temperature: NaN }, /temperature/],
    [{ temperature: Infinity }, /temperature/],
    [{ topK: 0 }, /topK to be an integer in \[1, 3\].*got 0/],
    [{ topK: 4 }, /got 4/],
    [{ topK: 1.5 }, /topK/],
    [{ topP: 0 }, /topP to be in \(0, 1\].*got 0/],
    [{ topP: 1.01 }, /topP/],
    [{ topP: NaN }, /topP/],
  ] as const)('refuses %j', (options, message) => {
    expect(() => filterLogits(row([1, 2, 3]), options)).toThrow(ConfigError);
    expect(() => filterLogits(row([1, 2, 3]), options)).toThrow(message);
  });
});

describe('drawTokens', () => {
  it('draws by the cumulative probabilities', () => {
    const rows = [0, 0.19, 0.21, 0.49, 0.51, 0.999999];
    const shares = tf.tile(row([0.2, 0.3, 0.5]), [rows.length, 1]);
    expect([...drawTokens(shares, tf.tensor1d(rows)).dataSync()]).toEqual([0, 0, 1, 1, 2, 2]);
  });

  it('draws no token, V, where there are no probabilities', () => {
    const rows = tf.tensor2d([0.5, NaN, 0.5, 0.2, 0.3, 0.5, NaN, NaN, NaN], [3, 3]);
    expect([...drawTokens(rows, tf.tensor1d([0.1, 0.1, 0])).dataSync()]).toEqual([3, 0, 3]);
  });

  it('never draws a token of probability 0, at either end', () => {
    for (const scale of [1, 1 / 3, 1e-30, 7e20]) {
      const shares = tf.tile(row([0, scale, 0, 2 * scale, 0, 0]), [2, 1]);
      expect([...drawTokens(shares, tf.tensor1d([0, 1 - 2 ** -24])).dataSync()]).toEqual([1, 3]);
    }
  });

  it('draws as often as the probabilities say', () => {
    const count = 20_000;
    const shares = [0.1, 0.6, 0.05, 0.25];
    const drawn = drawTokens(
      tf.tile(row(shares), [count, 1]),
      tf.tensor1d(randomUniform(randomKey(8), count)),
    ).dataSync();
    shares.forEach((share, token) => {
      const frequency = drawn.filter((value) => value === token).length / count;
      expect(Math.abs(frequency - share)).toBeLessThan(5 * Math.sqrt((share * (1 - share)) / count));
    });
  });
});
