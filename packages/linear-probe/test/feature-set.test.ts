import { ConfigError, DataError, randomKey, ShapeError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { blockFeatures, holdOut, mergeFeatures, type FeatureSet } from '../src/index.js';

/** One component a block, which is the position of the sample. */
function positions(labels: readonly number[], ...blocks: string[]): FeatureSet {
  const data = Float32Array.from(labels, (_, sample) => sample);
  return {
    count: labels.length,
    labels: Int32Array.from(labels),
    blocks: new Map(blocks.map((block) => [block, { dim: 1, data }])),
  };
}

describe('blockFeatures', () => {
  it('gives a block with its labels, and lists the blocks where there is none of that name', () => {
    const set = positions([0, 1], 'a', 'b');
    expect(blockFeatures(set, 'b')).toEqual({ block: 'b', dim: 1, data: Float32Array.of(0, 1), labels: set.labels });
    expect(() => blockFeatures(set, 'c')).toThrow(ConfigError);
    expect(() => blockFeatures(set, 'c')).toThrow('expected one of a, b, got c');
  });
});

describe('mergeFeatures', () => {
  it('joins blocks of the same samples', () => {
    const merged = mergeFeatures(positions([0, 1], 'a'), positions([0, 1], 'b', 'c'));
    expect([...merged.blocks.keys()]).toEqual(['a', 'b', 'c']);
    expect(merged.count).toBe(2);
  });

  it('refuses other samples, and names that come twice', () => {
    const set = positions([0, 1], 'a');
    expect(() => mergeFeatures()).toThrow(ConfigError);
    expect(() => mergeFeatures(set, positions([0, 1, 1], 'b'))).toThrow(ShapeError);
    expect(() => mergeFeatures(set, positions([0, 1, 1], 'b'))).toThrow('2 samples in every set, got 3');
    expect(() => mergeFeatures(set, positions([0, 2], 'b'))).toThrow(DataError);
    expect(() => mergeFeatures(set, positions([0, 2], 'b'))).toThrow('labels 1 and 2 for sample 1');
    expect(() => mergeFeatures(set, positions([0, 1], 'a'))).toThrow('"a" twice');
  });
});

describe('holdOut', () => {
  const labels = Array.from({ length: 100 }, (_, sample) => (sample < 80 ? 0 : sample < 99 ? 1 : 2));
  const set = positions(labels, 'place');
  const placesOf = (part: FeatureSet): number[] => [...part.blocks.get('place')!.data];

  it('takes the same fraction of every class, and each sample once', () => {
    const { train, heldOut } = holdOut(set, { fraction: 0.25, key: randomKey(1) });
    const countOf = (part: FeatureSet, label: number): number => part.labels.filter((other) => other === label).length;
    expect([0, 1, 2].map((label) => countOf(heldOut, label))).toEqual([20, 5, 0]);
    expect([train.count, heldOut.count]).toEqual([75, 25]);
    expect([...placesOf(train), ...placesOf(heldOut)].sort((a, b) => a - b)).toEqual([...labels.keys()]);
    for (const part of [train, heldOut]) {
      expect([...part.labels]).toEqual(placesOf(part).map((place) => labels[place]));
      expect(placesOf(part)).toEqual(placesOf(part).sort((a, b) => a - b));
    }
  });

  it('draws by the key', () => {
    const places = (seed: number): number[] => placesOf(holdOut(set, { fraction: 0.25, key: randomKey(seed) }).heldOut);
    expect(places(1)).toEqual(places(1));
    expect(places(2)).not.toEqual(places(1));
  });

  it.each([0, 1, -0.5, NaN])('refuses a fraction of %d', (fraction) => {
    expect(() => holdOut(set, { fraction, key: randomKey(0) })).toThrow(ConfigError);
  });

  it('refuses a fraction that takes nothing', () => {
    expect(() => holdOut(set, { fraction: 0.001, key: randomKey(0) })).toThrow('Hold out a larger fraction');
  });
});
