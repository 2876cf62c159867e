import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { UsageError } from '@vitvq/example-shared';
import { describe, expect, it } from 'vitest';
import { amountsOf, DEFAULTS } from '../src/config.js';
import { parseArguments, programName } from '../src/options.js';

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
      out: DEFAULTS.out.gpt,
      engine: 'auto',
      threads: undefined,
      fresh: false,
      settings: { model: 'gpt', seed: 0, minutes: 15, smoke: false, precision: 'float32' },
    });
  });

  it('takes every option', () => {
    const argv = '--model rq --out o --minutes 0.5 --seed 3 --engine cpu --threads 1 --fresh'.split(' ');
    expect(parseArguments(argv)).toEqual({
      out: 'o',
      engine: 'cpu',
      threads: 1,
      fresh: true,
      settings: { model: 'rq', seed: 3, minutes: 0.5, smoke: false, precision: 'float32' },
    });
  });

  it('keeps the runs of the two recipes apart', () => {
    expect(parseArguments(['--model', 'rq']).out).toBe(DEFAULTS.out.rq);
  });

  it('reports all problems at once', () => {
    expect(problems('--minutes', '0', '--sed', '1', '--engine', 'tpu', '--seed', '0.5', '--smoke')).toBe(
      [
        '  --sed is not an option',
        '  --minutes must be a number above 0, not 0',
        '  --seed must be a whole number of at least 0, not 0.5',
        '  --engine must be one of auto, pjrt, onnx, onnx-webgpu, onnx-cuda, tensorflow-gpu, tensorflow, cpu, not tpu',
        '  --smoke has its own length: leave out --minutes',
        'Run with --help for the options.',
      ].join('\n'),
    );
  });
});

describe('programName', () => {
  it('is that of the script that started the program, and --help says it', () => {
    expect(programName('pipeline')).toBe('pipeline');
    expect(programName('rq-pipeline')).toBe('rq-pipeline');
    expect(programName('test')).toBe('pipeline');
    const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const help = (script: string): string =>
      execFileSync(process.execPath, ['--import', 'tsx', '--conditions=@vitvq/source', main, '--help'], {
        encoding: 'utf8',
        env: { ...process.env, npm_lifecycle_event: script },
      });
    const text = help('rq-pipeline');
    expect(text).toMatch(/^Usage: rq-pipeline \[options\] +\(npm run rq-pipeline -- \[options\]\)/);
    expect(text).toContain('(default: rq)');
    expect(help('pipeline')).toMatch(/^Usage: pipeline \[options\] +\(npm run pipeline -- \[options\]\)/);
  });
});

describe('amountsOf', () => {
  const quick = { steps: 2800, trainingSeconds: 270 };
  const amounts = (minutes: number, training = quick) =>
    amountsOf({ model: 'gpt', seed: 0, minutes, smoke: false, precision: 'float32' }, training);

  it('grows with the minutes, within what there is', () => {
    expect(amounts(30).codes).toBe(2 * amounts(15).codes);
    expect(amounts(1)).toEqual({ codes: 1333, probe: 1000, probeTest: 1000 });
    expect(amounts(600)).toEqual({ codes: 40_000, probe: 10_000, probeTest: 10_000 });
  });

  it('is less on a machine that made fewer steps in its time, and no more on a faster one', () => {
    expect(amounts(15, { steps: 1080, trainingSeconds: 270 }).codes).toBe(amounts(15).codes / 2);
    expect(amounts(15, { steps: 9999, trainingSeconds: 270 })).toEqual(amounts(15));
  });
});
