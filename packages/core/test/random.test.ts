import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  foldIn,
  permutation,
  randomBits,
  randomInts,
  randomKey,
  randomNormal,
  randomUniform,
  split,
  threefry2x32,
  type RandomKey,
} from '../src/index.js';
import { inverseNormal, naturalLogarithm } from '../src/random-normal.js';

interface Case {
  seed: number;
  key: RandomKey;
  split: RandomKey[];
  foldIn: { data: number; key: RandomKey };
  bits: number[];
  uniform: number[];
  uniformBetween: { minimum: number; maximum: number; values: number[] };
  normal: number[];
  normalWith: { mean: number; stddev: number; values: number[] };
  ints: { maximum: number; values: number[] };
  intsRejecting: { maximum: number; values: number[] };
  permutation: number[];
}
const cases = JSON.parse(readFileSync(new URL('golden/random.json', import.meta.url), 'utf8')) as Case[];

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const moment = (values: ArrayLike<number>, power: number): number => mean(Array.from(values, (x) => x ** power));

describe('threefry2x32', () => {
  // Known answers of the Random123 distribution, threefry2x32 with 20 rounds.
  it.each([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ] as const)('gives the published answer for key %j', (key, counter, answer) => {
    expect(threefry2x32(key, counter[0], counter[1])).toEqual(answer);
  });
});

describe.each(cases)('draws from seed $seed equal those of an independent implementation', (golden) => {
  const key = randomKey(golden.seed);

  it('keys', () => {
    expect(key).toEqual(golden.key);
    expect(split(key, 3)).toEqual(golden.split);
    expect(foldIn(key, golden.foldIn.data)).toEqual(golden.foldIn.key);
  });

  it('bits and uniform numbers', () => {
    expect([...randomBits(key, 7)]).toEqual(golden.bits);
    expect([...randomUniform(key, 6)]).toEqual(golden.uniform);
    const { minimum, maximum, values } = golden.uniformBetween;
    expect([...randomUniform(key, 6, minimum, maximum)]).toEqual(values);
  });

  it('normal numbers', () => {
    expect([...randomNormal(key, 64)]).toEqual(golden.normal);
    const { mean: centre, stddev, values } = golden.normalWith;
    expect([...randomNormal(key, 6, centre, stddev)]).toEqual(values);
  });

  it('integers and permutations', () => {
    for (const { maximum, values } of [golden.ints, golden.intsRejecting]) {
      expect([...randomInts(key, 9, maximum)]).toEqual(values);
    }
    expect([...permutation(key, 13)]).toEqual(golden.permutation);
  });
});

describe('keys', () => {
  it('differ for every split, fold and seed', () => {
    const keys = [
      ...split(randomKey(0), 500),
      ...split(randomKey(1), 500),
      ...split(split(randomKey(0))[0]!, 500),
      foldIn(randomKey(0), 2 ** 40),
    ];
    expect(new Set(keys.map(String)).size).toBe(keys.length);
    expect(split(randomKey(5))).toEqual(split(randomKey(5), 9).slice(0, 2));
  });

  it.each([-1, 0.5, NaN, 2 ** 53])('refuse the seed %s', (seed) => {
    expect(() => randomKey(seed)).toThrow(`randomKey: expected seed to be an integer in [0, 2^53), got ${seed}.`);
    expect(() => foldIn(randomKey(0), seed)).toThrow('foldIn: expected data to be an integer');
  });
});

describe('randomUniform', () => {
  it('has the moments and the range of a uniform distribution', () => {
    const values = randomUniform(randomKey(1), 100_000);
    expect(Math.abs(mean(values) - 1 / 2)).toBeLessThan(0.004);
    expect(Math.abs(moment(values, 2) - 1 / 3)).toBeLessThan(0.004);
    expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
    const histogram = new Array<number>(20).fill(0);
    for (const value of values) histogram[Math.floor(value * 20)]!++;
    const chiSquare = histogram.reduce((sum, count) => sum + (count - 5000) ** 2 / 5000, 0);
    expect(chiSquare).toBeLessThan(44); // 19 degrees of freedom, p = 0.001
  });

  it('stays below its maximum where float32 rounding would reach it', () => {
    const values = randomUniform(randomKey(2), 100_000, 2 ** 24, 2 ** 24 + 2);
    expect(new Set(values)).toEqual(new Set([2 ** 24]));
    expect(randomUniform(randomKey(2), 1000, -(2 ** -149), 0)[0]).toBe(-(2 ** -149));
    expect(randomUniform(randomKey(2), 1000, -(2 ** 24) - 4, -(2 ** 24)).every((value) => value < -(2 ** 24))).toBe(
      true,
    );
  });

  it('does not depend on the count for its first numbers', () => {
    expect(randomUniform(randomKey(1), 5)).toEqual(randomUniform(randomKey(1), 8).slice(0, 5));
    expect(randomUniform(randomKey(1), 0)).toHaveLength(0);
  });

  it('refuses bad arguments', () => {
    expect(() => randomUniform(randomKey(0), 1, 1, 1)).toThrow(
      'randomUniform: expected finite float32 bounds with minimum < maximum, got [1, 1).',
    );
    expect(() => randomUniform(randomKey(0), 1, NaN, 1)).toThrow(ConfigError);
    expect(() => randomUniform(randomKey(0), 1, 0, 1e39)).toThrow(ConfigError);
    expect(() => randomBits(randomKey(0), -1)).toThrow(
      'randomBits: expected count to be an integer of at least 0, got -1',
    );
  });
});

describe('randomNormal', () => {
  it('has the moments of a normal distribution', () => {
    const values = randomNormal(randomKey(1), 200_000);
    expect(Math.abs(mean(values))).toBeLessThan(0.01);
    expect(Math.abs(moment(values, 2) - 1)).toBeLessThan(0.015);
    expect(Math.abs(moment(values, 3))).toBeLessThan(0.03);
    expect(Math.abs(moment(values, 4) - 3)).toBeLessThan(0.1);
    const share = (limit: number): number => values.filter((value) => Math.abs(value) < limit).length / values.length;
    expect(share(1)).toBeCloseTo(0.6827, 2);
    expect(share(2)).toBeCloseTo(0.9545, 2);
    expect(share(3)).toBeCloseTo(0.9973, 3);
  });

  it('is uncorrelated from draw to draw and from key to key', () => {
    const [a, b] = split(randomKey(3)).map((key) => randomNormal(key, 100_000)) as [Float32Array, Float32Array];
    expect(Math.abs(mean(a.map((value, index) => value * b[index]!)))).toBeLessThan(0.015);
    expect(Math.abs(mean(a.slice(1).map((value, index) => value * a[index]!)))).toBeLessThan(0.015);
  });

  it('shifts and scales', () => {
    const plain = randomNormal(randomKey(1), 4);
    expect([...randomNormal(randomKey(1), 4, 5, 0)]).toEqual([5, 5, 5, 5]);
    expect(randomNormal(randomKey(1), 4, 2, 3)[1]).toBeCloseTo(2 + 3 * plain[1]!, 5);
  });

  it('refuses bad arguments', () => {
    expect(() => randomNormal(randomKey(0), 1, 0, -1)).toThrow(
      'randomNormal: expected stddev to be a finite number at least 0, got -1.',
    );
    expect(() => randomNormal(randomKey(0), 1, NaN)).toThrow('expected mean to be a finite number');
  });
});

describe('the functions behind randomNormal', () => {
  it('takes logarithms to the last bits', () => {
    for (let exponent = -300; exponent <= 300; exponent += 0.37) {
      const x = 10 ** exponent;
      expect(Math.abs(naturalLogarithm(x) - Math.log(x))).toBeLessThanOrEqual(4e-16 * Math.abs(Math.log(x)));
    }
    expect(naturalLogarithm(1)).toBe(0);
  });

  // Published percentage points (Wichura 1988, table of check values).
  it.each([
    [0.25, -0.6744897501960817],
    [0.001, -3.090232306167813],
    [1e-20, -9.262340089798408],
  ])('inverts the normal distribution at %s', (p, z) => {
    expect(Math.abs(inverseNormal(p) / z - 1)).toBeLessThan(1e-14);
  });
});

describe('randomInts', () => {
  it('draws every value about equally often', () => {
    const histogram = new Array<number>(7).fill(0);
    for (const value of randomInts(randomKey(1), 70_000, 7)) histogram[value]!++;
    const chiSquare = histogram.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chiSquare).toBeLessThan(23); // 6 degrees of freedom, p = 0.001
  });

  it('is not biased where words do not divide evenly', () => {
    // 3/8 of all words would fall on the lower third twice if they were only reduced.
    const maximum = 3 * 2 ** 29;
    const low = randomInts(randomKey(1), 30_000, maximum).filter((value) => value < maximum / 3).length;
    expect(low / 30_000).toBeCloseTo(1 / 3, 2);
  });

  it('takes maxima from 1 to 2^31', () => {
    expect([...randomInts(randomKey(1), 3, 1)]).toEqual([0, 0, 0]);
    expect(randomInts(randomKey(1), 100, 2 ** 31).every((value) => value >= 0)).toBe(true);
    expect(() => randomInts(randomKey(1), 1, 0)).toThrow(
      'randomInts: expected maximum to be an integer of at least 1, got 0',
    );
    expect(() => randomInts(randomKey(1), 1, 2 ** 31 + 1)).toThrow(
      'expected maximum to be an integer of at most 2147483648',
    );
  });
});

describe('permutation', () => {
  it.each([0, 1, 2, 1000])('of %s numbers holds each once', (length) => {
    expect([...permutation(randomKey(1), length)].sort((a, b) => a - b)).toEqual([...Array(length).keys()]);
  });

  it('gives every order about equally often', () => {
    const counts = new Map<string, number>();
    for (const key of split(randomKey(1), 12_000)) {
      const order = permutation(key, 4).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0);
    expect(chiSquare).toBeLessThan(50); // 23 degrees of freedom, p = 0.001
  });
});
