import { describe, expect, it } from 'vitest';
import { CommandLine, UsageError } from '../src/index.js';

const text = {
  name: 'sample',
  usage: '[options]',
  description: 'A program.',
  options: [
    { flags: '--out [folder]', description: 'where to write' },
    { flags: '--batch-size [images]', description: 'images a step' },
    { flags: '--rate [number]', description: 'learning rate' },
    { flags: '--engine [name]', description: 'which engine' },
    { flags: '--smoke', description: 'quick' },
  ],
};
const engines = ['onnx', 'cpu'] as const;

function read(...argv: string[]): unknown {
  const line = new CommandLine(text, argv);
  const options = {
    out: line.text('out'),
    batchSize: line.number('batchSize', { minimum: 1 }),
    rate: line.number('rate', { minimum: 0, whole: false }),
    engine: line.oneOf('engine', engines),
    smoke: line.flag('smoke'),
  };
  line.finish();
  return options;
}

describe('CommandLine', () => {
  it('reads values and flags', () => {
    expect(read('--out', 'x', '--batch-size', '8', '--rate', '1e-3', '--engine', 'cpu', '--smoke')).toEqual({
      out: 'x',
      batchSize: 8,
      rate: 1e-3,
      engine: 'cpu',
      smoke: true,
    });
    expect(read()).toEqual({
      out: undefined,
      batchSize: undefined,
      rate: undefined,
      engine: undefined,
      smoke: false,
    });
  });

  it('names every problem at once', () => {
    const wrong = (): unknown =>
      read('--batch-size', '0', '--rate', '-1', '--engine', 'gpu', '--out', '--shmoke', '--stteps', '5', 'words');
    expect(wrong).toThrow(UsageError);
    let message = '';
    try {
      wrong();
    } catch (error) {
      message = (error as Error).message;
    }
    for (const part of [
      '--batch-size must be a whole number of at least 1, not 0',
      '--rate must be a number above 0, not -1',
      '--engine must be one of onnx, cpu, not gpu',
      '--out needs a value',
      '--shmoke is not an option',
      '--stteps is not an option',
      '"words" is not expected',
      'Run with --help for the options.',
    ])
      expect(message).toContain(part);
  });

  it('knows which options were given', () => {
    const line = new CommandLine(text, ['--smoke']);
    expect([line.has('smoke'), line.has('out')]).toEqual([true, false]);
  });

  it('takes a repeatable option several times, and misses a value wherever it is forgotten', () => {
    const prompts = (...argv: string[]) => {
      const options = [{ flags: '--prompt [text]', description: 'what to draw', repeatable: true }];
      const line = new CommandLine({ ...text, options }, argv);
      return { texts: line.texts('prompt'), problems: line.problems };
    };
    expect(prompts()).toEqual({ texts: [], problems: [] });
    expect(prompts('--prompt', 'a ship', '--prompt', '')).toEqual({ texts: ['a ship', ''], problems: [] });
    for (const argv of [
      ['--prompt', '--prompt', 'x'],
      ['--prompt', 'x', '--prompt'],
    ]) {
      expect(prompts(...argv).problems).toEqual(['--prompt needs a value']);
    }
  });
});
