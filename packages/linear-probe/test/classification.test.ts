import { ConfigError, DataError, ShapeError } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { evaluateProbe, SoftmaxProbe, wilsonInterval } from '../src/index.js';

/** Logits are the features themselves. */
function identity(classes: number): SoftmaxProbe {
  const weights = Float32Array.from({ length: classes * classes }, (_, index) => Number(index % (classes + 1) === 0));
  const standardization = { mean: new Float64Array(classes), deviation: new Float64Array(classes).fill(1) };
  return new SoftmaxProbe(standardization, weights, new Float32Array(classes));
}

const rows = (labels: number[], ...logits: number[][]) => ({
  block: 'logits',
  dim: logits[0]!.length,
  data: Float32Array.from(logits.flat()),
  labels: Int32Array.from(labels),
});

describe('evaluateProbe', () => {
  it('counts what is first, what is among five, and what is taken for what', () => {
    const { count, top1, top5, confusion } = evaluateProbe(
      identity(7),
      rows(
        [0, 1, 2, 6],
        [9, 1, 2, 3, 4, 5, 6], // first
        [9, 5, 6, 7, 8, 1, 2], // fifth
        [9, 6, 1, 8, 7, 5, 4], // last
        [1, 2, 3, 4, 5, 6, 5.5], // second
      ),
    );
    expect({ count, top1, top5 }).toEqual({ count: 4, top1: 0.25, top5: 0.75 });
    expect(confusion[0]![0]).toBe(1);
    expect(confusion[1]![0]).toBe(1);
    expect(confusion[2]![0]).toBe(1);
    expect(confusion[6]![5]).toBe(1);
    expect(confusion.flat().reduce((sum, cell) => sum + cell, 0)).toBe(4);
  });

  it('wins nothing by ties', () => {
    const none = [0, 0, 0, 0, 0, 0];
    const { top1, top5, confusion } = evaluateProbe(identity(6), rows([0, 1, 5], none, none, none));
    expect(top1).toBeCloseTo(1 / 3, 12);
    expect(top5).toBeCloseTo(2 / 3, 12);
    expect(confusion.map(([first]) => first)).toEqual([1, 1, 0, 0, 0, 1]);
  });

  it('gives top-5 of 1 where there are five classes', () => {
    expect(evaluateProbe(identity(5), rows([4], [5, 4, 3, 2, 1]))).toMatchObject({ top1: 0, top5: 1 });
  });

  it('gives the cross-entropy, for large logits as well', () => {
    const { crossEntropy } = evaluateProbe(identity(2), rows([0, 1], [0, 0], [2_000, 1_000]));
    expect(crossEntropy).toBeCloseTo((Math.log(2) + 1_000) / 2, 9);
  });

  it('goes through many rows in order', () => {
    const labels = Array.from({ length: 1_300 }, (_, sample) => sample % 3);
    const logits = labels.map((label, sample) => [0, 1, 2].map((k) => Number(k === (sample < 1_000 ? label : 0))));
    const { top1, confusion } = evaluateProbe(identity(3), rows(labels, ...logits));
    expect(top1).toBeCloseTo((1_000 + 100) / 1_300, 12);
    expect(confusion).toEqual([
      [434, 0, 0],
      [100, 333, 0],
      [100, 0, 333],
    ]);
  });

  it('refuses features of another width, and labels that are no classes', () => {
    expect(() => evaluateProbe(identity(3), rows([0], [1, 2]))).toThrow(ShapeError);
    expect(() => evaluateProbe(identity(3), rows([0], [1, 2]))).toThrow('expected features [count, 3]');
    expect(() => evaluateProbe(identity(3), rows([3], [1, 2, 3]))).toThrow(DataError);
    expect(() => evaluateProbe(identity(3), rows([0], [1, NaN, 3]))).toThrow('block "logits"');
  });
});

describe('SoftmaxProbe', () => {
  it('standardises first', () => {
    const probe = new SoftmaxProbe(
      { mean: Float64Array.of(10, 5), deviation: Float64Array.of(2, Infinity) },
      Float32Array.of(1, -3, 7, 7),
      Float32Array.of(0.5, 0.25),
    );
    expect([...probe.logits({ dim: 2, data: Float32Array.of(14, 1_000) })]).toEqual([2.5, -5.75]);
  });
});

describe('wilsonInterval', () => {
  // Brown, Cai & DasGupta 2001 and any table: 8 of 10 is 49.0 % to 94.3 %, none of 10 is 0 to 27.8
  // %.
  it.each([
    [8, 10, 0.490162, 0.943318],
    [0, 10, 0, 0.277533],
    [10, 10, 0.722467, 1],
    [500, 1_000, 0.46907, 0.53093],
  ])('%d of %d', (successes, count, low, high) => {
    const interval = wilsonInterval(successes, count);
    expect(interval.low).toBeCloseTo(low, 5);
    expect(interval.high).toBeCloseTo(high, 5);
  });

  it('refuses counts that cannot be', () => {
    expect(() => wilsonInterval(0, 0)).toThrow(ConfigError);
    expect(() => wilsonInterval(0.5, 1)).toThrow(ConfigError);
    expect(() => wilsonInterval(2, 1)).toThrow(DataError);
  });
});
