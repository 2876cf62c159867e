import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { commonOptions, outOption, readOptions, UsageError } from '../src/index.js';

const read = (...argv: string[]) =>
  readOptions(
    {
      name: 'sample',
      description: 'A program.',
      options: {
        out: outOption('runs/sample'),
        rate: { kind: 'number', minimum: 0, help: 'learning rate' },
        data: { kind: 'folder', help: 'pictures' },
        weights: { kind: 'file', help: 'of a network' },
        model: { kind: 'choice', choices: ['small', 'large'], default: 'small', help: 'which model' },
        prompt: { kind: 'texts', help: 'what to draw' },
        noServe: { kind: 'flag', help: 'only write' },
        ...commonOptions,
      },
      check: ({ smoke }, isGiven) => (smoke && isGiven('rate') ? ['--smoke has its own rate'] : []),
    },
    argv,
  );

describe('readOptions', () => {
  it('fills in defaults', () => {
    expect(read()).toEqual({
      out: 'runs/sample',
      rate: undefined,
      data: undefined,
      weights: undefined,
      model: 'small',
      prompt: [],
      noServe: false,
      seed: 0,
      engine: 'auto',
      threads: undefined,
      fresh: false,
      smoke: false,
    });
  });

  it('reads every kind', () => {
    const argv = ['--rate', '1e-3', '--data', tmpdir(), '--weights', import.meta.filename, '--model', 'large'];
    expect(read(...argv, '--prompt', 'a', '--prompt', 'b', '--no-serve', '--seed', '3')).toMatchObject({
      rate: 1e-3,
      data: tmpdir(),
      weights: import.meta.filename,
      model: 'large',
      prompt: ['a', 'b'],
      noServe: true,
      seed: 3,
    });
  });

  it('names every problem at once, those of options that must fit each other last', () => {
    const wrong = () =>
      read('--data', '/no/such', '--weights', tmpdir(), '--smoke', '--rate', '1', '--seed', '-1', '--x');
    expect(wrong).toThrow(UsageError);
    expect(wrong).toThrow(
      [
        '  --x is not an option',
        '  --data must be a folder, and there is none at /no/such',
        `  --weights must be a file, and there is none at ${tmpdir()}`,
        '  --seed must be a whole number of at least 0, not -1',
        '  --smoke has its own rate',
        'Run with --help for the options.',
      ].join('\n'),
    );
  });
});
