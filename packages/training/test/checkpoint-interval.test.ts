import { describe, expect, it } from 'vitest';
import { CheckpointInterval } from '../src/internal/checkpoint-interval.js';

/** Returns the seconds at which a run saves whose steps take the given seconds. */
function saves(steps: readonly number[], options: { everySteps?: number; everySeconds?: number }, start = 0): number[] {
  const interval = new CheckpointInterval(options, start);
  let now = start;
  return steps.flatMap((seconds, index) => {
    now += seconds;
    return interval.isDue(index + 1, now) ? [now] : [];
  });
}

const of = (count: number, seconds: number): number[] => new Array<number>(count).fill(seconds);

describe('CheckpointInterval', () => {
  it('saves within 30 seconds where steps are slow, then at the interval', () => {
    expect(saves(of(10, 12), {})).toEqual([24, 84]);
    expect(saves(of(20, 12), { everySteps: 1000 })).toEqual([24]);
    expect(saves([20, ...of(14, 1)], { everySeconds: 3600 })).toEqual([20]);
    expect(saves(of(100, 1), { everySeconds: 30 })).toEqual([30, 60, 90]);
  });

  it('saves as soon as a step has ended that takes longer', () => {
    expect(saves([45, 45, 45], { everySteps: 100 })).toEqual([45]);
  });

  it('adds nothing where the interval is shorter', () => {
    expect(saves(of(100, 1), { everySteps: 20 })).toEqual([20, 40, 60, 80, 100]);
    expect(saves(of(50, 1), { everySeconds: 10 })).toEqual([10, 20, 30, 40, 50]);
  });

  it('counts from where a resumed run begins', () => {
    expect(saves(of(4, 12), {}, 1000)).toEqual([1024]);
  });
});
