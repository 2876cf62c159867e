import { ConfigError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { divideTensors, type TensorDescription } from '../src/index.js';

const describeAll = (shapes: Record<string, number[]>): TensorDescription[] =>
  Object.entries(shapes).map(([name, shape]) => ({ name, shape, dtype: 'float32' }));

const model = describeAll({
  'embedding.weight': [1000, 8],
  scale: [],
  empty: [0, 5],
  'mlp.weight': [33, 64],
  'mlp.bias': [64],
  flat: [3, 0],
  'head.weight': [7, 300],
});

describe('divideTensors', () => {
  it.each([1, 2, 3, 4, 7, 16])(
    'gives each row to one of %i processes, and to each about as many bytes',
    (processes) => {
      const divided = divideTensors(model, processes);
      expect(divided).toHaveLength(processes);
      for (const tensor of model) {
        const pieces = divided.flat().filter((piece) => piece.tensor === tensor);
        let row = 0;
        for (const { begin, end } of pieces) {
          expect(begin).toBe(row);
          row = end;
        }
        expect(pieces.length).toBeGreaterThan(0);
        expect(row).toBe(tensor.shape[0] ?? 1);
      }
      const sizes = divided.map((pieces) =>
        pieces.reduce((sum, { tensor: { shape }, begin, end }) => {
          const rowSize = shape.slice(1).reduce((product, size) => product * size, 1);
          return sum + (end - begin) * rowSize;
        }, 0),
      );
      // A cut is at most half of the longest row away from where it would be best.
      const mean = sizes.reduce((sum, size) => sum + size, 0) / processes;
      for (const size of sizes) expect(Math.abs(size - mean)).toBeLessThanOrEqual(300);
      for (const pieces of divided) expect(new Set(pieces.map(({ tensor }) => tensor.name)).size).toBe(pieces.length);
    },
  );

  it('gives some processes nothing where rows are few', () => {
    const divided = divideTensors(describeAll({ a: [2, 3] }), 5);
    expect(divided.map((pieces) => pieces.map(({ begin, end }) => [begin, end]))).toEqual([
      [],
      [[0, 1]],
      [],
      [[1, 2]],
      [],
    ]);
    expect(divideTensors([], 2)).toEqual([[], []]);
    expect(divideTensors(describeAll({ a: [0] }), 2).map((pieces) => pieces.length)).toEqual([1, 0]);
  });

  it('refuses what cannot be', () => {
    expect(() => divideTensors(model, 0)).toThrow(ConfigError);
    expect(() => divideTensors(describeAll({ a: [-1] }), 2)).toThrow('expected tensor "a" to have a shape, got -1');
  });
});
