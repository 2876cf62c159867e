import type { HostTensor } from '@vitvq/core';
import { describe, expect, it } from 'vitest';
import { compareDistribution } from '../src/adapters/initialisation.js';
import { checksum } from '../src/checksum.js';
import { compareCase, compareValues, toleranceOf } from '../src/compare.js';
import type { LoadedCase } from '../src/fixture.js';

function floats(...values: number[]): HostTensor {
  return { shape: [values.length], data: Float32Array.from(values) };
}

function integers(...values: number[]): HostTensor {
  return { shape: [values.length], data: Int32Array.from(values) };
}

/** A case that expects `y`, integer `codes` and the gradient of a weight. */
function fixture(overrides: Partial<LoadedCase> = {}): LoadedCase {
  return {
    name: 'case',
    module: 'Module',
    folder: '.',
    config: {},
    outputs: { y: { shape: [2], atol: 0.1 }, codes: { shape: [2] } },
    grads: { 'loss/w/a.weight': { shape: [2], atol: 0.5 } },
    tensors: new Map<string, HostTensor>([
      ['out/y', floats(1, 2)],
      ['out/codes', integers(4, 5)],
      ['grad/loss/w/a.weight', floats(10, 20)],
    ]),
    ...overrides,
  };
}

function produced(overrides: Record<string, HostTensor> = {}): Map<string, HostTensor> {
  return new Map([...fixture().tensors, ...Object.entries(overrides)]);
}

function problems(overrides: Record<string, HostTensor>): string[] {
  return compareCase(fixture(), produced(overrides)).flatMap(({ name, ratio, problem }) =>
    ratio <= 1 ? [] : [`${name}: ${problem}`],
  );
}

describe('compareCase', () => {
  it('passes what is within its tolerance and says how near it is', () => {
    const comparisons = compareCase(fixture(), produced({ 'out/y': floats(1, 2.05) }));
    expect(comparisons.map(({ name }) => name)).toEqual(['out/y', 'out/codes', 'grad/loss/w/a.weight']);
    expect(comparisons[0]!.ratio).toBeCloseTo(0.5, 5);
    expect(comparisons[1]!.ratio).toBe(0);
  });

  it.each<[string, Record<string, HostTensor>, string]>([
    ['a wrong value', { 'out/y': floats(1, 2.5) }, 'out/y: 2.5 instead of 2 at element 1'],
    ['a wrong gradient', { 'grad/loss/w/a.weight': floats(10, 21) }, 'grad/loss/w/a.weight: 21 instead of 20'],
    ['NaN', { 'out/y': floats(NaN, 2) }, 'out/y: NaN instead of 1 at element 0'],
    ['an infinity', { 'out/y': floats(Infinity, 2) }, 'out/y: Infinity instead of 1 at element 0'],
    ['a wrong integer', { 'out/codes': integers(4, 6) }, 'out/codes: 6 instead of 5 at element 1'],
    ['floats for integers', { 'out/codes': floats(4, 5) }, 'out/codes: floats instead of integers'],
    ['integers for floats', { 'out/y': integers(1, 2) }, 'out/y: integers instead of floats'],
    ['another shape', { 'out/y': { ...floats(1, 2), shape: [1, 2] } }, 'out/y: shape [1, 2] instead of [2]'],
  ])('misses %s', (_what, overrides, message) => {
    const found = problems(overrides);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  it('misses what was not computed', () => {
    const some = produced();
    some.delete('grad/loss/w/a.weight');
    expect(compareCase(fixture(), some).at(-1)).toEqual({
      name: 'grad/loss/w/a.weight',
      ratio: Infinity,
      problem: 'not computed',
    });
  });

  it('misses NaN where NaN is expected, and accepts an infinity where it is', () => {
    expect(compareValues('x', [NaN], [NaN], 1).ratio).toBe(Infinity);
    expect(compareValues('x', [-Infinity], [-Infinity], 1).ratio).toBe(0);
  });

  it('makes the checksum of an output or a gradient where the case has no more', () => {
    const gradient = floats(10, 20);
    const outputs = {
      'checksum/y': { shape: [3], atol: 1e-6 },
      'checksum/loss/w/a.weight': { shape: [3], atol: 1e-6 },
    };
    const tensors = new Map([
      ['out/checksum/y', checksum('y', floats(1, 2))],
      ['out/checksum/loss/w/a.weight', checksum('a.weight', gradient)],
    ]);
    const ratios = (got: Map<string, HostTensor>): number[] =>
      compareCase(fixture({ outputs, grads: {}, tensors }), got).map(({ ratio }) => ratio);
    expect(ratios(produced())).toEqual([0, 0]);
    // Swapped: same sum and norm.
    expect(ratios(produced({ 'grad/loss/w/a.weight': floats(20, 10) }))[1]).toBeGreaterThan(1);
  });
});

describe('toleranceOf', () => {
  it('follows the rule of the format where a case gives none', () => {
    expect(toleranceOf({ shape: [1], absMax: 4 }, floats(4), 4)).toBeCloseTo(2e-4, 12);
    expect(toleranceOf({ shape: [1], absMax: 4, f64Diff: 1e-3 }, floats(4), 4)).toBeCloseTo(2e-2, 12);
    expect(toleranceOf({ shape: [1], absMax: 0 }, floats(0), 0.5)).toBeCloseTo(2.5e-7, 12);
    expect(toleranceOf({ shape: [1] }, floats(-4), 4)).toBeCloseTo(2e-4, 12);
    expect(toleranceOf({ shape: [1], atol: 3 }, floats(4), 4)).toBe(3);
    expect(toleranceOf({ shape: [1], atol: 3 }, integers(4), 4)).toBe(0);
  });
});

describe('compareDistribution', () => {
  const spread = (bound: number): number[] => Array.from({ length: 2001 }, (_, index) => bound * (index / 1000 - 1));

  it('accepts numbers of the distribution', () => {
    expect(compareDistribution('w', spread(0.5), { dist: 'uniform', value: 0.5 }).ratio).toBeLessThanOrEqual(1);
    expect(compareDistribution('w', [1, 1], { dist: 'constant', value: 1 }).ratio).toBe(0);
  });

  it.each<[string, number[], string]>([
    ['a wider distribution', spread(0.51), 'uniform'],
    ['a narrower one', spread(0.45), 'uniform'],
    ['one that is shifted', spread(0.4).map((value) => value + 0.1), 'uniform'],
    ['NaN', [NaN], 'uniform'],
    ['another constant', [0.5, 0.4], 'constant'],
    ['a distribution that is not known', [0.5], 'cauchy'],
  ])('misses %s', (_what, drawn, dist) => {
    expect(compareDistribution('w', drawn, { dist, value: 0.5 }).ratio).toBeGreaterThan(1);
  });
});
