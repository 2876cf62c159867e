import { UsageError } from '@vitvq/cli';
import { describe, expect, it } from 'vitest';
import { amountsOf, DEFAULTS } from '../src/config.js';
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
      out: DEFAULTS.out,
      engine: 'auto',
      threads: undefined,
      fresh: false,
      settings: { seed: 0, minutes: 15, smoke: false },
    });
  });

  it('takes every option', () => {
    const argv = '--out o --minutes 0.5 --seed 3 --engine cpu --threads 1 --fresh'.split(' ');
    expect(parseArguments(argv)).toEqual({
      out: 'o',
      engine: 'cpu',
      threads: 1,
      fresh: true,
      settings: { seed: 3, minutes: 0.5, smoke: false },
    });
  });

  it('reports all problems at once', () => {
    expect(problems('--minutes', '0', '--sed', '1', '--engine', 'tpu', '--seed', '0.5', '--smoke')).toBe(
      [
        '  --sed is not an option',
        '  --smoke has its own length: leave out --minutes',
        '  --engine must be one of auto, onnx, tensorflow-gpu, tensorflow, cpu, not tpu',
        '  --seed must be a whole number of at least 0, not 0.5',
        '  --minutes must be a number above 0, not 0',
        'Run with --help for the options.',
      ].join('\n'),
    );
  });
});

describe('amountsOf', () => {
  it('grows with the minutes, within what there is', () => {
    const amounts = (minutes: number) => amountsOf({ seed: 0, minutes, smoke: false });
    expect(amounts(30).codes).toBe(2 * amounts(15).codes);
    expect(amounts(1)).toEqual({ codes: 1000, validation: 1000, probe: 1000, probeTest: 1000 });
    expect(amounts(600)).toEqual({ codes: 40_000, validation: 1000, probe: 10_000, probeTest: 10_000 });
  });
});
