import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { UsageError } from '@vitvq/example-shared';
import { programOptions } from '@vitvq/test-utils/node';
import { describe, expect, it } from 'vitest';
import { configOf, DEFAULTS } from '../src/config.js';
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
      data: undefined,
      model: 'gpt',
      seed: 0,
      minutes: 20,
      smoke: false,
      precision: 'float32',
    });
  });

  it('takes every option', () => {
    const argv = '--model rq --out o --data . --minutes 0.5 --seed 3 --engine cpu --threads 1 --fresh'.split(' ');
    expect(parseArguments(argv)).toEqual({
      out: 'o',
      engine: 'cpu',
      threads: 1,
      fresh: true,
      data: '.',
      model: 'rq',
      seed: 3,
      minutes: 0.5,
      smoke: false,
      precision: 'float32',
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
      execFileSync(process.execPath, [...programOptions, main, '--help'], {
        encoding: 'utf8',
        env: { ...process.env, npm_lifecycle_event: script },
      });
    const text = help('rq-pipeline');
    expect(text).toMatch(/^Usage: rq-pipeline \[options\] +\(npm run rq-pipeline -- \[options\]\)/);
    expect(text).toContain('(default: rq)');
    expect(help('pipeline')).toMatch(/^Usage: pipeline \[options\] +\(npm run pipeline -- \[options\]\)/);
  });
});

describe('configOf', () => {
  const request = { model: 'gpt', seed: 0, minutes: 20, smoke: false, precision: 'float32' } as const;
  const lengthsOf = async (minutes: number) => {
    const { tokenizer, transformer, probe } = await configOf({ ...request, minutes });
    const { images, testImages } = probe!;
    return {
      tokenizer: 'training' in tokenizer && tokenizer.training.duration,
      transformer: transformer!.training.duration,
      images: [transformer!.codes.images, images, testImages],
    };
  };

  it('is that of the file, and scales with the minutes within what there is', async () => {
    expect(await lengthsOf(20)).toEqual({
      tokenizer: { minutes: 5 },
      transformer: { minutes: 6 },
      images: [20_000, 8_000, 5_000],
    });
    expect(await lengthsOf(60)).toEqual({
      tokenizer: { minutes: 15 },
      transformer: { minutes: 18 },
      images: [40_000, 10_000, 10_000],
    });
    expect((await lengthsOf(1)).images).toEqual([1_000, 1_000, 1_000]);
  });

  it('takes pictures of the user for both recipes, in the size of photos', async () => {
    for (const model of ['gpt', 'rq'] as const) {
      const { data, tokenizer } = await configOf({ ...request, model, data: 'photos' });
      expect(data).toEqual({
        train: expect.objectContaining({ kind: 'folder', path: 'photos' }) as unknown,
        heldOut: 1000,
        keptForProbe: 0.2,
      });
      expect(tokenizer).toMatchObject({ model: { imageSize: 64, patchSize: 8 } });
    }
  });
});
