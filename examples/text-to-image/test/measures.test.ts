import { describe, expect, it } from 'vitest';
import { attributesOf, shareOf, summarize } from '../src/check-stage.js';
import { rotateRows } from '../src/gpt-stage.js';

describe('the check', () => {
  it('counts what pictures have', () => {
    const dark = new Float32Array(2 * 2 * 3).fill(0.25);
    const bright = new Float32Array(2 * 2 * 3).fill(0.9);
    const data = Float32Array.from([...dark, ...bright, ...dark, ...dark]);
    const found = attributesOf({ data, shape: [4, 2, 2, 3] });
    expect(shareOf(found, 'brightness', 'dark')).toBe(0.75);
    expect(shareOf(found, 'color', 'white')).toBe(0.25);
    expect(shareOf(found, 'side', 'top')).toBe(0);
  });

  it('is summed up by the mean over the words', () => {
    const row = { attribute: 'color', value: 'blue', photos: 0.1 } as const;
    const rows = [
      { ...row, asked: 0.8, notAsked: 0.2 },
      { ...row, asked: 0.4, notAsked: 0 },
    ];
    const { asked, notAsked } = summarize({ rows });
    expect([asked, notAsked]).toEqual([expect.closeTo(0.6), 0.1]);
  });
});

describe('rotateRows', () => {
  it('gives each row that counts another one of them, and leaves padding', () => {
    expect([...rotateRows(Int32Array.of(1, 2, 3, 4, 5, 6, 9, 9), 3, 2)]).toEqual([3, 4, 5, 6, 1, 2, 9, 9]);
  });
});
