import { describe, expect, it } from 'vitest';
import { compareRung } from '../src/ladder/compare-curves.js';
import type { RungRecord } from '../src/ladder/ladder-record.js';

const tolerances = { psnrTolerance: 1, natsTolerance: 0.1 };

function record(psnr: [number, number][], natsPerToken: [number, number][] = [[10, 2]]): RungRecord {
  return { psnr, natsPerToken, unigramNatsPerToken: 4, codebookUsage: 1, minutes: 1, engine: 'cpu', threads: 1 };
}

describe('compareRung', () => {
  const expected = record([
    [0, 10],
    [100, 20],
    [200, 24],
  ]);

  it('compares the end with what is expected at the same step, along straight lines', () => {
    const { psnr, isReached } = compareRung(record([[150, 21.5]]), expected, tolerances);
    expect(psnr).toEqual({ isReached: true, measured: 21.5, expected: 22, behindSince: undefined });
    expect(isReached).toBe(true);
  });

  it('takes the last point that is expected for steps beyond it, and the first for steps before it', () => {
    expect(compareRung(record([[500, 22.9]]), expected, tolerances).psnr).toMatchObject({
      expected: 24,
      isReached: false,
    });
    const late = record([[50, 12]]);
    expect(compareRung(record([[0, 12]]), late, tolerances).psnr).toMatchObject({ expected: 12, isReached: true });
  });

  it('says since when a curve is behind, and forgives one that catches up', () => {
    const behind = record([
      [0, 10],
      [100, 18.9],
      [200, 22.9],
    ]);
    expect(compareRung(behind, expected, tolerances).psnr).toMatchObject({ isReached: false, behindSince: 100 });
    const caughtUp = record([
      [0, 5],
      [100, 10],
      [200, 23],
    ]);
    expect(compareRung(caughtUp, expected, tolerances).psnr).toMatchObject({
      isReached: true,
      behindSince: undefined,
    });
  });

  it('holds nats for better when they are lower', () => {
    const nats = (value: number): boolean =>
      compareRung(record([[200, 24]], [[10, value]]), expected, tolerances).isReached;
    expect([nats(1), nats(2.1), nats(2.11)]).toEqual([true, true, false]);
  });

  it('takes a curve that ends in NaN for one that failed', () => {
    expect(compareRung(record([[200, NaN]]), expected, tolerances).isReached).toBe(false);
  });

  it('reaches whatever nothing is expected of', () => {
    expect(compareRung(record([[1, 3]]), undefined, tolerances)).toMatchObject({
      isReached: true,
      psnr: { expected: undefined },
    });
  });
});
