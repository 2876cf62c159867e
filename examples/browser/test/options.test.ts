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
      run: undefined,
      brush: undefined,
      out: 'runs/browser',
      data: undefined,
      weights: 'float32',
      port: 5175,
      smoke: false,
    });
  });

  it('takes every option', () => {
    expect(
      parseArguments(['--data', tmpdir(), ...'--run r --brush b --out o --weights float16 --port 80'.split(' ')]),
    ).toEqual({
      run: 'r',
      brush: 'b',
      out: 'o',
      data: tmpdir(),
      weights: 'float16',
      port: 80,
      smoke: false,
    });
    expect(parseArguments(['--no-serve']).port).toBeUndefined();
    expect(parseArguments(['--smoke']).port).toBeUndefined();
  });

  it('reports all problems at once', () => {
    expect(
      problems('--weights', 'int8', '--smoke', '--run', 'r', '--brush', 'b', '--data', 'nowhere', '--prot', '1'),
    ).toBe(
      [
        '  --prot is not an option',
        '  --data must be a folder, and there is none at nowhere',
        '  --weights must be one of float32, float16, not int8',
        '  --smoke makes its own models: leave out --run',
        '  --smoke makes its own models: leave out --brush',
        '  --smoke makes its own pictures: leave out --data',
        'Run with --help for the options.',
      ].join('\n'),
    );
  });
});
