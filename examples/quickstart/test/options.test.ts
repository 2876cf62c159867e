import { UsageError } from '@vitvq/example-shared';
import { describe, expect, it } from 'vitest';
import { DEFAULTS, SMOKE } from '../src/config.js';
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
      resume: false,
      fresh: false,
      compare: undefined,
      settings: {
        data: 'cifar10',
        ...DEFAULTS.cifar10,
        batchSize: DEFAULTS.batchSize,
        learningRate: DEFAULTS.learningRate,
        duration: { minutes: DEFAULTS.minutes },
        loss: 'full',
        lpips: null,
        seed: 0,
        strict: false,
        smoke: false,
      },
    });
  });

  it('takes every option', () => {
    const { out, engine, threads, settings } = parseArguments(
      '--out o --steps 9 --seed 3 --data . --image-size 48 --patch-size 6 --batch-size 4 --learning-rate 1e-3 --loss l2 --engine cpu --threads 1 --strict'.split(
        ' ',
      ),
    );
    expect({ out, engine, threads }).toEqual({ out: 'o', engine: 'cpu', threads: 1 });
    expect(settings).toEqual({
      data: '.',
      imageSize: 48,
      patchSize: 6,
      batchSize: 4,
      learningRate: 1e-3,
      duration: { steps: 9 },
      loss: 'l2',
      lpips: null,
      seed: 3,
      strict: true,
      smoke: false,
    });
  });

  it('sees own pictures at a larger size', () => {
    expect(parseArguments(['--data', '.']).settings).toMatchObject(DEFAULTS.folder);
  });

  it('keeps a smoke test small, unless told otherwise', () => {
    expect(parseArguments(['--smoke']).settings).toMatchObject({ data: 'synthetic', duration: { steps: SMOKE.steps } });
    expect(parseArguments(['--smoke', '--minutes', '0.5']).settings.duration).toEqual({ minutes: 0.5 });
  });

  it('reports all problems at once', () => {
    expect(
      problems(
        '--foo',
        '3',
        'bar',
        '--minutes',
        'soon',
        '--seed',
        '1.5',
        '--engine',
        'tpu',
        '--batch-size',
        '--data',
        '/no/such',
      ),
    ).toBe(
      [
        '  --foo is not an option',
        '  "bar" is not expected',
        '  --data must be a folder, and there is none at /no/such',
        '  --minutes must be a number above 0, not soon',
        '  --engine must be one of auto, onnx, tensorflow-gpu, tensorflow, cpu, not tpu',
        '  --batch-size needs a value',
        '  --seed must be a whole number of at least 0, not 1.5',
        'Run with --help for the options.',
      ].join('\n'),
    );
  });

  it('refuses options that contradict each other', () => {
    expect(problems('--minutes', '1', '--steps', '2')).toContain('--minutes and --steps exclude each other');
    expect(problems('--image-size', '30', '--patch-size', '4')).toContain(
      '--image-size must be a multiple of the patch size 4, not 30',
    );
    expect(problems('--image-size', '48', '--patch-size', '6')).toContain(
      '--image-size must be 8, 16, 32, 64, ... for the discriminator, not 48; --loss l2 does without one',
    );
    expect(problems('--loss', 'l2', '--lpips', '/no/such')).toBe(
      '  --lpips must be a file, and there is none at /no/such\n  --lpips is for --loss full\nRun with --help for the options.',
    );
    expect(problems('--resume', '--seed', '1', '--fresh')).toContain(
      '--resume goes on with the settings of the run, so leave out --seed, --fresh',
    );
    expect(problems('--resume', '--out', 'x', '--engine', 'cpu', '--threads', '1')).toBe('none');
  });
});
