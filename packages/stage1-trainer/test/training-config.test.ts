import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { type StepReport } from '@vitvq/training';
import { ConfigError, randomKey, type PerceptualLoss } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { Evaluator } from '@vitvq/evaluation';
import { ViTDecoder, ViTEncoder } from '@vitvq/layers';
import { GumbelQuantizer } from '@vitvq/quantizers';
import { tinyBatches, tinyConfig, tinyImages, tinyModel, tinyTokenizerTraining } from '@vitvq/test-models';
import '@vitvq/test-utils';
import { VQTokenizer } from '@vitvq/tokenizer';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  readTokenizerWeights,
  type TokenizerTrainer,
  type TokenizerTrainerOptions,
  type TokenizerTrainingConfig,
} from '../src/index.js';
import { adamOf, tinyGanConfig, tinyGanTrainer } from './tiny-gan.js';

let directory: string;

beforeAll(async () => {
  await useEngine({ name: 'cpu' });
});
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitvq-config-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function train(options: Partial<TokenizerTrainerOptions> = {}): Promise<StepReport[]> {
  const trainer = tinyGanTrainer(options);
  const reports: StepReport[] = [];
  trainer.on('step', (report) => void reports.push(report));
  await trainer.run();
  return reports;
}

const valuesOf = (reports: readonly StepReport[], name: string): (number | undefined)[] =>
  reports.map(({ values }) => values[name]);

describe('what a config can ask for', () => {
  const plain = (changes: Partial<TokenizerTrainingConfig> = {}): Partial<TokenizerTrainerOptions> => ({
    config: tinyTokenizerTraining({
      codebook: { autoencoderFraction: 0, initializeFromData: true, resetEvery: 0 },
      ...changes,
    }),
    openBatches: (startAt) => tinyBatches(startAt, 8),
  });

  it('accumulates gradients over parts of a batch to those of the whole', async () => {
    const whole = await train(plain());
    const parts = await train(plain({ accumulate: 4 }));
    for (const name of ['loss', 'l2', 'quantizer', 'gradientNorm']) {
      expect(valuesOf(parts, name) as number[]).toBeAllClose(valuesOf(whole, name) as number[], { rtol: 1e-3 });
    }
    const adversarial = await train({ ...plain(), config: tinyGanConfig({ accumulate: 2 }) });
    expect(adversarial.every(({ values }) => Number.isFinite(values.discriminator))).toBe(true);
  });

  it('refuses a batch that cannot be divided', async () => {
    await expect(train(plain({ accumulate: 3 }))).rejects.toThrow(
      'createTokenizerTrainer config.accumulate: expected batches that can be divided into 3 equal parts, got 8 examples. Take a batch size of 9',
    );
  });

  it('moves by Adam or AdamW, decaying weights or everything', async () => {
    const optimizer = { ...adamOf(tinyTokenizerTraining()), weightDecay: 0.1 };
    const runs = [
      optimizer,
      { ...optimizer, kind: 'adam' as const },
      { ...optimizer, decay: 'all' as const },
      { ...optimizer, kind: 'adamw' as const, decay: 'weights' as const },
    ].map(async (each) => valuesOf(await train(plain({ optimizer: each })), 'loss'));
    const [usual, adam, all, same] = await Promise.all(runs);
    expect(same).toEqual(usual);
    expect(adam).not.toEqual(usual);
    expect(all).not.toEqual(usual);
  });

  it('evaluates, previews and exports with the average of the weights', async () => {
    const images = tinyImages(4, 77);
    const tokenizer = tinyModel();
    const trainer = tinyGanTrainer({
      ...plain({ ema: { decay: 0.5 } }),
      tokenizer,
      directory,
      evaluation: { images },
      preview: { images, steps: [6] },
    });
    const previews: number[] = [];
    trainer.on('preview', ({ psnr }) => void previews.push(psnr));
    const { evaluation } = await trainer.run();
    const measure = async (which: 'ema' | 'last'): Promise<number> => {
      const model = tinyModel({}, 3);
      model.loadVariables(await readTokenizerWeights(directory, { which }));
      return (await new Evaluator(model).evaluate(images)).psnr;
    };
    expect(evaluation!.psnr).toBe(await measure('ema'));
    expect(previews).toEqual([evaluation!.psnr]);
    expect(await measure('last')).not.toBe(evaluation!.psnr);
    expect((await new Evaluator(tokenizer).evaluate(images)).psnr).toBe(await measure('last'));
    const averaged = await trainer.withEMA(() => new Evaluator(tokenizer).evaluate(images));
    expect(averaged.psnr).toBe(evaluation!.psnr);
  });

  it('adds a perceptual loss, and measures it on held-out images', async () => {
    const perceptual: PerceptualLoss = {
      distance: (a, b) => tf.tidy(() => tf.mean<tf.Tensor1D>(tf.abs(tf.sub(a, b)), [1, 2, 3])),
    };
    const trainer = tinyGanTrainer({
      ...plain({ losses: { l2: 1, perceptual: 0.1 } }),
      perceptual,
      evaluation: { images: tinyImages(3, 77), batchSize: 2 },
    });
    const reports: StepReport[] = [];
    trainer.on('step', (report) => void reports.push(report));
    const { evaluation } = await trainer.run();
    expect(reports[0]!.values.perceptual).toBeGreaterThan(0);
    const { reconstructions } = evaluation!;
    const { data } = tinyImages(3, 77);
    const mean = data.reduce((sum, value, at) => sum + Math.abs(value - reconstructions.data[at]!), 0) / data.length;
    expect(evaluation!.perceptualDistance).toBeCloseTo(mean, 5);
  });

  it('draws the noise of a Gumbel quantizer from the seed, and lowers its temperature', async () => {
    const size = { ...tinyConfig.encoder, imageSize: 8, patchSize: 4, key: randomKey(1) };
    const model = (): VQTokenizer =>
      new VQTokenizer({
        encoder: new ViTEncoder(size),
        decoder: new ViTDecoder(size),
        quantizer: new GumbelQuantizer({ codebookSize: 16, codeDim: 4, key: randomKey(2) }),
        key: randomKey(3),
      });
    const run = (changes: Partial<TokenizerTrainingConfig>): Promise<StepReport[]> =>
      train({
        ...plain({ codebook: { autoencoderFraction: 0, initializeFromData: false, resetEvery: 0 }, ...changes }),
        tokenizer: model(),
      });
    const temperature = { start: 2, end: 1, rate: 0.5, every: 2 };
    const reports = await run({ temperature });
    expect(valuesOf(reports, 'temperature') as number[]).toBeAllClose(
      [0, 0, 2, 2, 4, 4].map((step) => Math.max(1, 2 * Math.exp(-0.5 * step))),
    );
    expect(valuesOf(await run({ temperature }), 'loss')).toEqual(valuesOf(reports, 'loss'));
    expect(valuesOf(await run({ temperature, seed: 7 }), 'loss')).not.toEqual(valuesOf(reports, 'loss'));
    // Without a plan the quantizer's own.
    expect(valuesOf(await run({}), 'temperature')).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

describe('what a config may not ask for', () => {
  const create = (options: Partial<TokenizerTrainerOptions>) => (): TokenizerTrainer => tinyGanTrainer(options);

  it('weights that make no sense', () => {
    const losses = { l2: -1, quantizer: NaN, perceptual: Infinity };
    const bad = create({ config: tinyTokenizerTraining({ losses }) });
    expect(bad).toThrow(ConfigError);
    expect(bad).toThrow(/losses\.l2 is -1: .*losses\.perceptual is Infinity: .*losses\.quantizer is NaN: /);
    expect(create({ config: tinyGanConfig({}, { r1: { weight: -1, every: 0 } }) })).toThrow(
      /discriminator\.r1\.weight is -1: .*discriminator\.r1\.every is 0: /,
    );
  });

  it('a perceptual weight without a network', () => {
    expect(create({ config: tinyTokenizerTraining({ losses: { l2: 1, perceptual: 0.1 } }) })).toThrow(
      'createTokenizerGradients: expected a perceptual loss for the weight 0.1, got none. Pass perceptual',
    );
  });

  it('names all problems of a plan at once', () => {
    const config = {
      ...tinyTokenizerTraining(),
      duration: { steps: 0 },
      clipNorm: -1,
      seed: 0.5,
      momentum: 1,
    } as unknown as TokenizerTrainingConfig;
    const create = (): unknown => tinyGanTrainer({ config });
    expect(create).toThrow(ConfigError);
    for (const problem of ['duration.steps is 0', 'clipNorm is -1', 'seed is 0.5', 'unknown option "momentum"']) {
      expect(create).toThrow(problem);
    }
    const noPixels = { ...tinyTokenizerTraining(), losses: { l1: 0, l2: 0, logitLaplace: 0, quantizer: 1 } };
    expect(() => tinyGanTrainer({ config: noPixels })).toThrow('expected a reconstruction loss with a weight above 0');
  });
});
