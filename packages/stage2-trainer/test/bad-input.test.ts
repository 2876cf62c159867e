import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, DataError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import {
  brightnessTokenizer,
  classGPT,
  tinyCodeBatches,
  tinyImageBatches,
  tinyTransformerTraining,
} from '@vitvq/test-models';
import { ClassConditioner, Unconditional } from '@vitvq/transformers';
import {
  TransformerEvaluator,
  createTransformerTrainer,
  type TransformerTrainingConfig,
  type TransformerTrainer,
  type TransformerTrainerOptions,
} from '../src/index.js';
import { conditioner, train } from './train-tiny.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-stage2-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

type Options = Partial<TransformerTrainerOptions>;

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});

describe('bad input', () => {
  const create = (options: Options): TransformerTrainer =>
    createTransformerTrainer({
      model: classGPT(),
      config: tinyTransformerTraining(),
      conditioner,
      openBatches: (startAt) => tinyCodeBatches(startAt),
      ...options,
    });

  it.each([
    ['vocabulary', { tokenizer: brightnessTokenizer({ codes: 7 }) }, /7 codes for a vocabulary of 6/],
    ['grid', { tokenizer: brightnessTokenizer({ size: [3, 2] }) }, /a grid of 3x2 for one of 2x3/],
    [
      'number of levels',
      { tokenizer: brightnessTokenizer({ codeDepth: 2 }) },
      /2 code\(s\) a position for 1.*RQTransformer/,
    ],
    ['lack of a conditioner', { conditioner: undefined }, /1 condition tokens for conditionVocabSize 4/],
    ['conditioner of fewer classes', { conditioner: new ClassConditioner({ classCount: 2 }) }, /3 condition tokens/],
    [
      'conditioner',
      { conditioner: new ClassConditioner({ classCount: 4 }) },
      /5 condition tokens.*conditionVocabSize 4/,
    ],
    ['condition length', { model: classGPT({ conditionLength: 2 }) }, /1 condition token\(s\) for conditionLength 2/],
    [
      'preview',
      { preview: { count: 3, conditions: new Int32Array(2) } },
      /preview.conditions: expected tokens \[3, 1\], got 2/,
    ],
  ] as [string, Options, RegExp][])('refuses a %s that does not fit', (_, options, message) => {
    expect(() => create(options)).toThrow(message);
    expect(() => create(options)).toThrow(ConfigError);
  });

  it('refuses to evaluate with what does not fit', () => {
    const model = classGPT();
    for (const [parts, message] of [
      [
        { conditioner, tokenizer: brightnessTokenizer({ codes: 7 }) },
        /TransformerEvaluator: .*7 codes for a vocabulary of 6/,
      ],
      [{ conditioner, tokenizer: brightnessTokenizer({ size: [3, 2] }) }, /a grid of 3x2 for one of 2x3/],
      [{ conditioner: new ClassConditioner({ classCount: 4 }) }, /TransformerEvaluator: .*5 condition tokens/],
    ] as const) {
      expect(() => new TransformerEvaluator({ model, ...parts })).toThrow(message);
      expect(() => new TransformerEvaluator({ model, ...parts })).toThrow(ConfigError);
    }
  });

  it('refuses every problem of a config at once', () => {
    const config = { ...tinyTransformerTraining(), clipNorm: -1, conditionDropRate: 1, surprise: true };
    expect(() => create({ config })).toThrow(/3 problems: .*clipNorm.*conditionDropRate.*surprise/);
    const exponential = { peak: 1, end: 0, warmup: 0.5, exponentialFrom: 0.1 };
    expect(() => create({ config: tinyTransformerTraining({ learningRate: exponential }) })).toThrow(
      /exponentialFrom.*warm-up/,
    );
    const optimizer = {
      ...tinyTransformerTraining().optimizer,
      kind: 'sgd' as 'adam',
    } as TransformerTrainingConfig['optimizer'];
    expect(() => create({ config: tinyTransformerTraining({ optimizer }) })).toThrow(
      /optimizer.kind is "sgd".*"adamw"\|"adam"\|"adafactor"/,
    );
  });

  it.each([
    [
      'levels',
      { tokenizer: { ...brightnessTokenizer({ codeDepth: 2 }), codeDepth: undefined }, openBatches: () => repeated() },
      ConfigError,
      /tokens \[4, 6\].*got \[4, 6, 2\]/,
    ],
    [
      'bytes',
      {
        tokenizer: brightnessTokenizer(),
        openBatches: (startAt) => {
          const batches = tinyImageBatches(startAt);
          const next = async () => {
            const batch = await batches.next();
            return { ...batch, images: batch.images.map((value) => 255 * value) };
          };
          return { next, close: () => batches.close() };
        },
      },
      DataError,
      /Bytes become images when they are divided by 255/,
    ],
    [
      'a later image with NaN, which its tokens would not show',
      {
        tokenizer: brightnessTokenizer(),
        openBatches: (startAt) => {
          const batches = tinyImageBatches(startAt);
          const next = async () => {
            const batch = await batches.next();
            if (batch.indices!.includes(5)) batch.images[batch.images.length / batch.shape[0]!] = NaN;
            return batch;
          };
          return { next, close: () => batches.close() };
        },
      },
      DataError,
      /^createTransformerTrainer: expected images with values in \[0, 1\], got NaN in image 5\.$/,
    ],
    [
      'no batch',
      { openBatches: () => ({ next: async () => undefined as never, close: () => undefined }) },
      DataError,
      /without a batch/,
    ],
    ['images without a tokenizer', { openBatches: () => repeated() }, ConfigError, /a tokenizer for batches of images/],
    [
      'a class',
      { openBatches: () => once({ labels: Int32Array.of(0, 3) }) },
      DataError,
      /classes to be integers in \[0, 3\), got 3 at \[1\]/,
    ],
    [
      'tokens that are not there',
      { openBatches: () => once({ tokens: new Int32Array(11) }) },
      ConfigError,
      /12 tokens.*got 11/,
    ],
    ['no classes', { openBatches: () => once({ labels: undefined }) }, DataError, /batches with labels/],
    [
      'a token',
      { openBatches: () => once({ tokens: new Int32Array(12).fill(6) }) },
      DataError,
      /tokens to be integers in \[0, 6\), got 6/,
    ],
    [
      'more tokens than positions',
      { openBatches: () => once({ tokens: new Int32Array(14), shape: [2, 7] }) },
      ConfigError,
      /tokens \[2, 6\].*got \[2, 7\]/,
    ],
    [
      'conditions of another length',
      { openBatches: () => once({ conditions: new Int32Array(3) }) },
      ConfigError,
      /condition values for each of 2 images/,
    ],
    [
      'a batch that cannot be divided',
      { config: tinyTransformerTraining({ accumulate: 3 }) },
      ConfigError,
      /divided into 3 equal parts, got 8/,
    ],
  ] as [string, Options, new (...facts: never[]) => Error, RegExp][])(
    'refuses %s in a batch',
    async (_, options, kind, message) => {
      const trainer = create(options);
      const before = tf.memory().numTensors;
      const failure = await trainer.run().catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(kind);
      expect((failure as Error).message).toMatch(message);
      expect(tf.memory().numTensors).toBe(before);
      trainer.dispose();
    },
  );

  it('refuses to go on as something else', async () => {
    await train({ directory }, { stopAfter: 2 });
    const unconditional = create({
      directory,
      model: classGPT({ conditionVocabSize: 1 }),
      conditioner: new Unconditional(),
    });
    await expect(unconditional.restore(directory)).rejects.toThrow(
      /conditioner.kind "class" instead of "unconditional"/,
    );
    const longer = create({ directory, config: tinyTransformerTraining({ clipNorm: 2 }) });
    await expect(longer.restore(directory)).rejects.toThrow(/training.clipNorm 1 instead of 2/);
  });
});

/** The first images again and again. */
function repeated(): ReturnType<typeof tinyImageBatches> {
  const source = tinyImageBatches(0);
  return { ...source, next: () => tinyImageBatches(0).next() };
}

function once(changes: object): ReturnType<typeof tinyCodeBatches> {
  const batch = { tokens: new Int32Array(12), shape: [2, 6], labels: Int32Array.of(0, 1), ...changes };
  return { next: () => Promise.resolve(batch), close: () => undefined };
}

describe('an evaluation on held-out data', () => {
  it('of which there is none is refused before the first step', async () => {
    const reports: number[] = [];
    const openBatches = (startAt: number) => {
      reports.push(startAt);
      return tinyCodeBatches(startAt);
    };
    const padding = { ...(await tinyCodeBatches(0).next()), count: 0 };
    for (const batches of [[], [padding]]) {
      const training = train({ openBatches, evaluation: { openBatches: () => batches } });
      await expect(training).rejects.toThrow(DataError);
      await expect(training).rejects.toThrow(
        'createTransformerTrainer, evaluation.openBatches: expected at least one held-out image, got none. Hold images out',
      );
    }
    expect(reports).toEqual([]);
  });

  it('is looked at once more, and closed, at the start', async () => {
    const opened = { count: 0, closed: 0 };
    async function* batches() {
      opened.count++;
      try {
        yield await tinyCodeBatches(0).next();
        yield await tinyCodeBatches(1).next();
      } finally {
        opened.closed++;
      }
    }
    await train({ evaluation: { openBatches: batches } });
    expect(opened).toEqual({ count: 2, closed: 2 });
  });
});
