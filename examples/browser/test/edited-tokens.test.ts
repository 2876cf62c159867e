import { describe, expect, it } from 'vitest';
import { EditedTokens } from '../page/edited-tokens.js';
import { partialImage, unknownPositions } from '../page/partial-tokens.js';

function edited(codeDepth: number, ...tokens: number[]): EditedTokens {
  const result = new EditedTokens(codeDepth);
  result.load(tokens);
  return result;
}

describe('EditedTokens', () => {
  it('sets, swaps, undoes step by step and keeps what came', () => {
    const tokens = edited(1, 5, 6, 7);
    tokens.set(1, 0, 9);
    tokens.swap(0, 2);
    expect([...tokens.current]).toEqual([7, 9, 5]);
    expect([...tokens.original]).toEqual([5, 6, 7]);
    tokens.undo();
    expect([...tokens.current]).toEqual([5, 9, 7]);
    tokens.undo();
    expect([...tokens.current]).toEqual([5, 6, 7]);
    expect(tokens.canUndo).toBe(false);
    tokens.undo();
    expect([...tokens.current]).toEqual([5, 6, 7]);
  });

  it('undoes a reset', () => {
    const tokens = edited(1, 5, 6);
    tokens.set(0, 0, 1);
    tokens.reset();
    expect(tokens.isChanged).toBe(false);
    tokens.undo();
    expect([...tokens.current]).toEqual([1, 6]);
  });

  it('sees no change where there is none', () => {
    const tokens = edited(1, 5, 6);
    tokens.set(0, 0, 5);
    tokens.swap(1, 1);
    tokens.reset();
    expect(tokens.canUndo).toBe(false);
  });

  it('sets one level and swaps all levels of a position', () => {
    const tokens = edited(2, 1, 2, 3, 4);
    tokens.set(1, 0, 9);
    tokens.swap(0, 1);
    expect([...tokens.current]).toEqual([9, 4, 1, 2]);
  });

  it('takes all tokens as one change, and tells where they differ', () => {
    const tokens = edited(2, 1, 2, 3, 4);
    tokens.replace(Int32Array.of(1, 2, 3, 9));
    expect([0, 1].map((position) => tokens.isChangedAt(position))).toEqual([false, true]);
    tokens.undo();
    expect([...tokens.current]).toEqual([1, 2, 3, 4]);
  });

  it('forgets an earlier image', () => {
    const tokens = edited(1, 5, 6);
    tokens.set(0, 0, 1);
    tokens.load([2, 3]);
    expect([tokens.canUndo, tokens.isChanged, [...tokens.current]]).toEqual([false, false, [2, 3]]);
  });
});

describe('partialImage', () => {
  const guess = (known: number[], grid: [number, number], codeDepth = 1): number[] => [
    ...partialImage(known, { grid, codeDepth }).guess,
  ];

  it('repeats what is above, and in the first row what is before', () => {
    expect(guess([1], [2, 3])).toEqual([1, 1, 1, 1, 1, 1]);
    expect(guess([1, 2, 3, 4], [2, 3])).toEqual([1, 2, 3, 4, 2, 3]);
    expect(guess([1, 2, 3, 4], [2, 2], 2)).toEqual([1, 2, 3, 4, 1, 2, 3, 4]);
  });

  it('knows what is not drawn yet', () => {
    const { tokens } = partialImage([1, 2, 3, 4], { grid: [2, 2], codeDepth: 2 });
    expect([...tokens]).toEqual([1, 2, 3, 4, -1, -1, -1, -1]);
    expect(unknownPositions(tokens, 2)).toEqual([2, 3]);
  });
});
