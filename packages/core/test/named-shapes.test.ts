import { expect, it } from 'vitest';
import { namedDifferences, shapeDifference } from '../src/index.js';

const shapes = (entries: Record<string, number[]>): Map<string, { shape: number[] }> =>
  new Map(Object.entries(entries).map(([name, shape]) => [name, { shape }]));

it('tells all that differs together: missing, unexpected, of another shape', () => {
  const expected = shapes({ a: [2], b: [3, 4], c: [], d: [1] });
  const got = shapes({ d: [1], b: [4, 3], c: [1], e: [5], f: [6] });
  expect(namedDifferences(expected, got)).toEqual([
    'missing: a',
    'unexpected: e, f',
    'wrong shape: b [4, 3] instead of [3, 4], c [1] instead of []',
  ]);
});

it('has nothing to tell of things that fit, in whatever order', () => {
  expect(namedDifferences(shapes({ a: [2], b: [] }), shapes({ b: [], a: [2] }))).toEqual([]);
  expect(namedDifferences(shapes({}), shapes({}))).toEqual([]);
});

it('compares by what it is given, under a label', () => {
  const expected = new Map([['a', { shape: [1], dtype: 'int32' }]]);
  const got = new Map([['a', { shape: [1], dtype: 'F32' }]]);
  const difference = (found: { dtype: string }, wanted: { dtype: string }): string =>
    `${found.dtype} instead of ${wanted.dtype}`;
  expect(namedDifferences(expected, got, difference, 'different')).toEqual(['different: a F32 instead of int32']);
});

it('says of a shape what it is and what it should be', () => {
  expect(shapeDifference({ shape: [2, 1] }, { shape: [2] })).toBe('[2, 1] instead of [2]');
  expect(shapeDifference({ shape: [2] }, { shape: [2] })).toBeUndefined();
});
