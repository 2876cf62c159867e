import { UsageError } from '@vitvq/example-shared';
import { ConfigError } from '@vitvq/core';
import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { amountsOf, type Settings } from '../src/config.js';
import { parseArguments } from '../src/options.js';
import { assertFits } from '../src/text.js';
import { findRun } from '../src/tokenizer-stage.js';

const problems = (...argv: string[]): string => {
  try {
    parseArguments(argv);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
  }
  return 'none';
};
const settings: Settings = { seed: 0, minutes: 11, run: null, smoke: false };

describe('parseArguments', () => {
  it('needs no options', () => {
    expect(parseArguments([])).toEqual({
      out: 'runs/text-to-image',
      data: undefined,
      engine: 'auto',
      threads: undefined,
      fresh: false,
      prompts: [],
      settings,
    });
  });

  it('takes every option', () => {
    const argv = '--out o --run r --minutes 0.5 --seed 3 --engine cpu --threads 1 --fresh'.split(' ');
    expect(parseArguments([...argv, '--prompt', 'A ship.', '--prompt', 'a frog'])).toEqual({
      out: 'o',
      data: undefined,
      engine: 'cpu',
      threads: 1,
      fresh: true,
      prompts: ['a ship', 'a frog'],
      settings: { seed: 3, minutes: 0.5, run: 'r', smoke: false },
    });
  });

  it('leaves words of prompts for later where captions are given', () => {
    const data = tmpdir();
    expect(parseArguments(['--data', data, '--prompt', 'A zebra.'])).toMatchObject({
      data,
      prompts: ['a zebra'],
      // Where the images lie is no setting: a run may go on elsewhere.
      settings: { ...settings, ownImages: true },
    });
    expect(problems('--data', 'nowhere')).toContain('--data must be a folder, and there is none at nowhere');
  });

  it('reports all problems at once', () => {
    const told = problems(
      '--prompt',
      'a zebra',
      '--prompt',
      '',
      '--smoke',
      '--minutes',
      '0',
      '--run',
      'r',
      '--promt',
      'x',
    );
    for (const problem of [
      '  --promt is not an option',
      '  --smoke has its own length: leave out --minutes',
      '  --smoke trains its own tokenizer: leave out --run',
      '  --prompt "a zebra" has words that no caption has, so that the model knows nothing of them: "zebra".',
      '  --prompt "" says nothing',
      '  --minutes must be a number above 0, not 0',
    ]) {
      expect(told).toContain(problem);
    }
    expect(problems('--prompt')).toContain('--prompt needs a value');
  });
});

describe('assertFits', () => {
  it('refuses texts of more tokens than the model takes', () => {
    const tokenizer = { vocabSize: 1, encode: (text: string) => text.split(' ').map(() => 0) };
    expect(() => assertFits(['a ship'], { tokenizer, length: 16 })).not.toThrow();
    const long = Array.from({ length: 17 }, () => 'ship').join(' ');
    expect(() => assertFits(['a ship', long], { tokenizer, length: 16 })).toThrow(ConfigError);
    expect(() => assertFits([long], { tokenizer, length: 16 })).toThrow('expected at most 16 tokens of text, got 17');
  });
});

describe('settings', () => {
  it('of a run without a tokenizer are refused where it was asked for', () => {
    expect(() => findRun({ ...settings, run: 'nowhere' })).toThrow('--run nowhere holds no tokenizer');
    expect(findRun({ ...settings, smoke: true })).toBeUndefined();
    expect(findRun({ ...settings, ownImages: true })).toBeUndefined();
    expect(() => findRun({ ...settings, run: 'nowhere', ownImages: true })).toThrow('holds no tokenizer');
  });

  it('take more images with more minutes, within what there is', () => {
    expect(amountsOf({ ...settings, minutes: 5.5 }).train).toBe(15_000);
    expect(amountsOf({ ...settings, minutes: 0.1 }).train).toBe(1_000);
    expect(amountsOf({ ...settings, minutes: 600 }).train).toBe(50_000);
  });
});
