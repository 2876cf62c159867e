import { describe, expect, it } from 'vitest';
import {
  assertInRange,
  assertInteger,
  assertOneOf,
  assertShape,
  ConfigError,
  DataError,
  formatShape,
  patchGrid,
  ShapeError,
  toSize2D,
  VitvqError,
} from '../src/index.js';

describe('errors', () => {
  it('carry their facts and say what to do', () => {
    const cause = new Error('disk');
    const error = new DataError({ where: 'read', expected: 'a file', got: 'nothing', fix: 'Make one.' }, { cause });
    expect(error.message).toBe('read: expected a file, got nothing. Make one.');
    expect(error).toMatchObject({
      name: 'DataError',
      where: 'read',
      expected: 'a file',
      got: 'nothing',
      fix: 'Make one.',
    });
    expect(error.cause).toBe(cause);
    expect(error).toBeInstanceOf(VitvqError);
    expect(error).not.toBeInstanceOf(ConfigError);
    expect(new ConfigError({ where: 'w', expected: 'e', got: 'g' }).message).toBe('w: expected e, got g.');
  });
});

describe('assertShape', () => {
  const check = (shape: number[], expected: (number | string)[]) => () =>
    assertShape({ shape }, expected, 'f', 'Fix it.');

  it('accepts numbers that match and letters that agree', () => {
    expect(check([2, 3, 3], [2, 'N', 'N'])).not.toThrow();
    expect(check([], [])).not.toThrow();
  });

  it.each([
    [
      [2, 3],
      [2, 4],
    ],
    [
      [2, 3],
      ['N', 'N'],
    ],
    [
      [2, 3, 4],
      ['A', 'B'],
    ],
    [[2], ['A', 'B']],
  ])('refuses %j for %j', (shape, expected) => {
    expect(check(shape, expected)).toThrow(ShapeError);
    expect(check(shape, expected)).toThrow(
      `f: expected shape ${formatShape(expected)}, got ${formatShape(shape)}. Fix it.`,
    );
  });
});

describe('numbers', () => {
  it('assertInteger', () => {
    expect(() => assertInteger(3, 'depth', 'f')).not.toThrow();
    for (const value of [0, -1, 1.5, NaN, Infinity]) {
      expect(() => assertInteger(value, 'depth', 'f')).toThrow(
        `f: expected depth to be an integer of at least 1, got ${value}.`,
      );
    }
    expect(() => assertInteger(2 ** 32 + 1, 'vocabSize', 'f')).toThrow(
      'f: expected vocabSize to be an integer of at most 2147483647, got 4294967297.',
    );
    expect(() => assertInteger(2 ** 32 + 1, 'step', 'f', 0, Number.MAX_SAFE_INTEGER)).not.toThrow();
  });

  it('assertInRange', () => {
    expect(() => assertInRange(0, 'beta', 'f', 0, 1)).not.toThrow();
    expect(() => assertInRange(2, 'beta', 'f', 0, 1)).toThrow(
      'f: expected beta to be a finite number within [0, 1], got 2.',
    );
    expect(() => assertInRange(-1, 'beta', 'f', 0)).toThrow(
      'f: expected beta to be a finite number at least 0, got -1.',
    );
    expect(() => assertInRange(NaN, 'beta', 'f', 0)).toThrow(ConfigError);
    expect(() => assertInRange(Infinity, 'beta', 'f', 0)).toThrow(ConfigError);
  });
});

describe('sizes', () => {
  it('a number is a square', () => {
    expect(toSize2D(4)).toEqual([4, 4]);
    expect(toSize2D([4, 6])).toEqual([4, 6]);
  });

  it('patchGrid divides each side', () => {
    expect(patchGrid(32, 4, 'f')).toEqual([8, 8]);
    expect(patchGrid([32, 48], [4, 8], 'f')).toEqual([8, 6]);
  });

  it('patchGrid refuses what is not a whole number of patches', () => {
    expect(() => patchGrid([32, 30], 8, 'f')).toThrow(
      'f: expected imageSize to be a multiple of patchSize 8x8, got 32x30. Resize or crop the images, or choose another patch size.',
    );
    expect(() => patchGrid(32, 0, 'f')).toThrow('f: expected patch height to be an integer of at least 1, got 0.');
    expect(() => patchGrid([8.5, 8], 1, 'f')).toThrow('expected image height');
  });
});

it('assertOneOf names the texts, and the one that was probably meant', () => {
  expect(() => assertOneOf('drop', ['drop', 'pad'], 'lastBatch', 'here')).not.toThrow();
  expect(() => assertOneOf('neither', ['drop', 'pad'], 'lastBatch', 'here')).toThrow('got "neither".');
  expect(() => assertOneOf('Drop', ['drop', 'pad'], 'lastBatch', 'here')).toThrow(
    'here: expected lastBatch to be one of drop, pad, got "Drop" (did you mean "drop"?).',
  );
  for (const value of [undefined, null, 3, ['drop']]) {
    expect(() => assertOneOf(value, ['drop', 'pad'], 'lastBatch', 'here')).toThrow(ConfigError);
  }
});
