import { UsageError } from '@vitvq/example-shared';
import { describe, expect, it } from 'vitest';
import { parseArguments } from '../src/options.js';

const problems = (...argv: string[]): string => {
  try {
    parseArguments(argv);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
  }
  return 'none';
};

describe('parseArguments', () => {
  it('needs no options', () => {
    expect(parseArguments([])).toEqual({
      out: 'runs/segmentation-to-image',
      engine: 'auto',
      threads: undefined,
      fresh: false,
      settings: { seed: 0, minutes: 10, images: 300, smoke: false },
    });
  });

  it('takes every option', () => {
    const argv = '--out o --minutes 0.5 --images 40 --seed 3 --engine cpu --threads 1 --fresh'.split(' ');
    expect(parseArguments(argv)).toMatchObject({
      ...{ out: 'o', engine: 'cpu', threads: 1, fresh: true },
      settings: { seed: 3, minutes: 0.5, images: 40, smoke: false },
    });
  });

  it('reports all problems at once', () => {
    const told = problems('--smoke', '--minutes', '3', '--images', '5');
    for (const problem of [
      '--smoke has its own minutes: leave out --minutes',
      '--images must be a whole number of at least 20, not 5',
    ]) {
      expect(told).toContain(problem);
    }
  });
});
