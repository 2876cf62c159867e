import { describe, expect, it } from 'vitest';
import { Pace } from '../src/internal/pace.js';

describe('Pace', () => {
  it('goes by steps', () => {
    const pace = new Pace({ steps: 4 });
    expect([0, 1, 3].map((step) => pace.progress(step, 1e9))).toEqual([0.125, 0.375, 0.875]);
    expect(pace.fraction(1, 0)).toBe(0.25);
    expect([3, 4].map((step) => pace.isDone(step, 1e9))).toEqual([false, true]);
    expect(pace.totalSteps(2, 0)).toBe(4);
  });

  it('goes by time, and estimates steps from the measured speed', () => {
    const pace = new Pace({ minutes: 1 });
    for (let step = 1; step <= 10; step++) pace.count(32, 0, 0.5);
    expect(pace.fraction(10, 15)).toBe(0.25);
    expect(pace.progress(10, 15)).toBeCloseTo(15.25 / 60, 10);
    expect(pace.totalSteps(10, 15)).toBe(10 + 90);
    expect(pace.remainingSeconds(10, 15)).toBe(45);
    expect(pace.fraction(10, 99)).toBe(1);
    expect([59.9, 60].map((seconds) => pace.isDone(10, seconds))).toEqual([false, true]);
  });

  it('follows a speed that changes', () => {
    const pace = new Pace({ minutes: 10 });
    for (let step = 1; step <= 50; step++) pace.count(32, 0, 1);
    expect(pace.totalSteps(50, 50)).toBe(600);
    for (let step = 51; step <= 150; step++) pace.count(32, 0, 0.5);
    expect(pace.totalSteps(150, 100)).toBeCloseTo(150 + 1000, -1);
  });

  it('leaves the first steps, which compile, out of the speed', () => {
    const pace = new Pace({ steps: 10 });
    pace.count(32, 0, 5);
    pace.count(32, 0, 2);
    pace.count(32, 0.1, 0.5);
    expect(pace.examplesPerSecond).toBe(64);
    expect(pace.recentExamplesPerSecond).toBe(64);
    expect(pace.waitFraction).toBeCloseTo(0.2, 10);
  });
});
