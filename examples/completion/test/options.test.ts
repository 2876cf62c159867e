import { tmpdir } from 'node:os';
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
      run: 'runs/pipeline',
      out: 'runs/completion',
      data: undefined,
      engine: 'auto',
      threads: undefined,
      settings: { seed: 0, images: 20, smoke: false },
    });
  });

  it('takes every option', () => {
    const argv = '--run r --out o --images 3 --seed 4 --engine cpu --threads 1'.split(' ');
    expect(parseArguments(argv)).toEqual({
      run: 'r',
      out: 'o',
      data: undefined,
      engine: 'cpu',
      threads: 1,
      settings: { seed: 4, images: 3, smoke: false },
    });
    expect(parseArguments(['--smoke']).run).toBeUndefined();
    expect(parseArguments(['--data', tmpdir()]).data).toBe(tmpdir());
  });

  it('reports all problems at once', () => {
    expect(problems('--images', '0', '--smoke', '--run', 'r', '--sed', '1', '--data', 'nowhere')).toBe(
      [
        '  --sed is not an option',
        '  --data must be a folder, and there is none at nowhere',
        '  --images must be a whole number of at least 1, not 0',
        '  --smoke makes its own models: leave out --run',
        'Run with --help for the options.',
      ].join('\n'),
    );
  });
});
