import { concatenate, ConfigError, elementCount, formatPercent, mean, paddedBatches, takeRows } from '@vitvq/core';
import { describe, expect, it } from 'vitest';

it('elementCount multiplies the axes; a scalar has one element', () => {
  expect([elementCount([2, 3, 4]), elementCount([]), elementCount([5, 0])]).toEqual([24, 1, 0]);
});

it('concatenate keeps order and kind, for no parts too', () => {
  expect(concatenate([Int32Array.of(1, 2), Int32Array.of(), Int32Array.of(3)], Int32Array)).toEqual(
    Int32Array.of(1, 2, 3),
  );
  expect(concatenate([], Float32Array)).toEqual(new Float32Array(0));
});

it('takeRows copies rows in the order asked for', () => {
  const values = Float32Array.of(0, 1, 10, 11, 20, 21);
  const taken = takeRows(values, 2, [2, 0, 0]);
  expect(taken).toEqual(Float32Array.of(20, 21, 0, 1, 0, 1));
  taken[0] = 99;
  expect(values[4]).toBe(20);
});

describe('paddedBatches', () => {
  it('pads the last batch with its first row', () => {
    expect([...paddedBatches(5, 2)]).toEqual([
      { start: 0, count: 2, rows: [0, 1] },
      { start: 2, count: 2, rows: [2, 3] },
      { start: 4, count: 1, rows: [4, 4] },
    ]);
  });

  it('has no batch for no rows, and refuses a batch size of 0', () => {
    expect([...paddedBatches(0, 4)]).toEqual([]);
    expect(() => [...paddedBatches(1, 0)]).toThrow(ConfigError);
  });
});

it('mean sums in float64', () => {
  expect(mean(Float32Array.of(1, 2, 6))).toBe(3);
  expect(mean([])).toBeNaN();
});

it('formatPercent keeps one decimal where it says something', () => {
  expect([formatPercent(0.125), formatPercent(1), formatPercent(0.33333)]).toEqual(['12.5 %', '100 %', '33.3 %']);
});
