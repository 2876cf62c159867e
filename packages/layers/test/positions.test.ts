import '@vitvq/test-utils';
import { ConfigError } from '@vitvq/core';
import { sinCosPositions2D } from '../src/index.js';
import { describe, expect, it } from 'vitest';

describe('sinCosPositions2D', () => {
  it('encodes the column in the first half and the row in the second', () => {
    const { shape, data } = sinCosPositions2D(8, [2, 3]);
    expect(shape).toEqual([6, 8]);
    // Token 5 is row 1, column 2; frequencies are 1 and 1/100.
    expect(data.slice(5 * 8)).toBeAllClose([
      Math.sin(2),
      Math.sin(0.02),
      Math.cos(2),
      Math.cos(0.02),
      Math.sin(1),
      Math.sin(0.01),
      Math.cos(1),
      Math.cos(0.01),
    ]);
    expect(data.slice(0, 8)).toBeAllClose([0, 0, 1, 1, 0, 0, 1, 1]);
  });

  it('takes one number for a square grid', () => {
    expect(sinCosPositions2D(4, 3)).toEqual(sinCosPositions2D(4, [3, 3]));
  });

  it('refuses a width without a whole number of sines and cosines', () => {
    expect(() => sinCosPositions2D(6, 2)).toThrow(ConfigError);
    expect(() => sinCosPositions2D(6, 2)).toThrow(
      'sinCosPositions2D: expected dim to be a positive multiple of 4 (sine and cosine of row and column), got 6. ' +
        'Use learned positions for other widths.',
    );
    expect(() => sinCosPositions2D(8, [0, 2])).toThrow('grid rows');
  });
});
