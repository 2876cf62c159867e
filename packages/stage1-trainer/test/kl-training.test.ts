import '@tensorflow/tfjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { ConfigError } from '@vitvq/core';
import { useEngine } from '@vitvq/engine';
import { stepReports, tinyBatches, tinyConfig, tinyImages, tinyTokenizerTraining } from '@vitvq/test-models';
import { compilingEngines } from '@vitvq/test-utils';
import { createTokenizer, type VQTokenizer } from '@vitvq/tokenizer';
import { logCurve, readTrainingLog, type StepReport } from '@vitvq/training';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTokenizerLoss, createTokenizerTrainer, type TokenizerTrainerOptions } from '../src/index.js';
import { tinyGanConfig, tinyGanTrainer } from './tiny-gan.js';

let directory: string;
beforeEach(async () => {
  await useEngine({ name: 'cpu' });
  directory = await mkdtemp(join(tmpdir(), 'vitvq-kl-'));
});
afterEach(async () => {
  await useEngine({ name: 'cpu' });
  await rm(directory, { recursive: true, force: true });
});

const create = (seed = 1, weight = 0.01): VQTokenizer =>
  createTokenizer({ ...tinyConfig, quantizer: { kind: 'kl', latentDim: 3, weight } }, { seed });
const noCodebook = { autoencoderFraction: 0, initializeFromData: false, resetEvery: 0 };
const config = (changes: Partial<TokenizerTrainerOptions['config']> = {}): TokenizerTrainerOptions['config'] =>
  tinyTokenizerTraining({ duration: { steps: 4 }, codebook: noCodebook, ...changes });

async function train(
  options: Partial<TokenizerTrainerOptions> = {},
  { resume = false, stopAfter = Infinity } = {},
): Promise<StepReport[]> {
  const trainer = createTokenizerTrainer({
    tokenizer: create(),
    config: config(),
    openBatches: tinyBatches,
    ...options,
  });
  if (resume) await trainer.restore(directory);
  return stepReports(trainer, stopAfter);
}

const losses = (reports: readonly StepReport[]): number[] => reports.map(({ values }) => values['loss']!);
const engines = await compilingEngines();

describe('a training without codes', () => {
  it('logs the divergence in nats a latent, and its weight in the loss of the quantizer', async () => {
    const [first] = await train();
    expect(first!.values['quantizer']).toBeCloseTo(0.01 * first!.values['kl']!, 6);
    expect(first!.values['loss']).toBeCloseTo(first!.values['l2']! + first!.values['quantizer']!, 6);
    expect(Object.keys(first!.values)).not.toContain('usage');
  });

  it('draws latents of seed and step, and goes on after a stop bit for bit', async () => {
    const straight = await train();
    expect(losses(await train())).toEqual(losses(straight));
    expect(losses(await train({ config: config({ seed: 9 }) }))).not.toEqual(losses(straight));
    const accumulated = { config: config({ accumulate: 2 }) };
    expect(losses(await train(accumulated))).not.toEqual(losses(straight));
    const before = await train({ directory }, { stopAfter: 2 });
    const after = await train({ directory, tokenizer: create(99) }, { resume: true });
    expect([...losses(before), ...losses(after)]).toEqual(losses(straight));
  });

  it('has smaller divergences the more they weigh', async () => {
    const last = async (weight: number): Promise<number> => {
      const reports = await train({ tokenizer: create(1, weight), config: config({ duration: { steps: 40 } }) });
      return reports.at(-1)!.values['kl']!;
    };
    expect(await last(10)).toBeLessThan(0.5 * (await last(0)));
  });

  it('measures the divergence of held-out images and no codes', async () => {
    const tokenizer = create();
    const held = tinyImages(5, 77);
    const trainer = createTokenizerTrainer({
      tokenizer,
      config: config({ duration: { steps: 1 } }),
      openBatches: tinyBatches,
      directory,
      evaluation: { images: held, batchSize: 2 },
      preview: { images: tinyImages(2, 78) },
      losses: { twice: { weight: 1, compute: ({ reconstruction }) => tf.mul<tf.Scalar>(tf.mean(reconstruction), 2) } },
    });
    const evaluation = (await trainer.run()).evaluation!;
    trainer.dispose();
    const log = await readTrainingLog(directory);
    const measured = ['psnr', 'kl', 'twice', 'usage', 'perplexity'].filter(
      (name) => logCurve(log, 'evaluate', name).length > 0,
    );
    expect(measured).toEqual(['psnr', 'kl', 'twice']);
    const { kl, codebook, levels, indices } = evaluation;
    expect([codebook, levels, indices]).toEqual([undefined, [], undefined]);
    const images = tf.tensor4d(held.data, [...held.shape]);
    const values = createTokenizerLoss({ tokenizer })(images);
    expect(kl).toBeCloseTo(values['kl']!.dataSync()[0]!, 4);
    expect(evaluation.reconstructions.data).toBeAllClose(tokenizer.reconstruct(images).dataSync(), { atol: 1e-5 });
    tokenizer.dispose();
  });

  it('may begin as a plain autoencoder of the means', async () => {
    const codebook = { ...noCodebook, autoencoderFraction: 0.5 };
    const reports = await train({ config: config({ codebook }) });
    expect(reports).toHaveLength(4);
    expect(losses(reports).every(Number.isFinite)).toBe(true);
    // The divergence is told, and minimised from the third step on alone.
    expect(reports[0]!.values['loss']).toBeCloseTo(reports[0]!.values['l2']!, 6);
    expect(reports[3]!.values['loss']).toBeGreaterThan(reports[3]!.values['l2']!);
  });

  it('competes with a discriminator, which sees what its steps drew', async () => {
    const reports = await stepReports(
      tinyGanTrainer({ tokenizer: create(), config: tinyGanConfig({ duration: { steps: 3 }, codebook: noCodebook }) }),
    );
    const { loss, l2, quantizer, adversarial, kl, discriminator } = reports[2]!.values as Record<string, number>;
    expect(loss).toBeCloseTo(l2! + quantizer! + 0.1 * adversarial!, 5);
    expect(kl).toBeGreaterThan(0);
    expect(Number.isFinite(discriminator)).toBe(true);
  });

  it('takes an alignment, and noise of values', async () => {
    const alignment = {
      name: 'means',
      dim: 3,
      features: (images: tf.Tensor4D) => tf.mean<tf.Tensor2D>(images, [1, 2]),
    };
    const reports = await train({
      alignment,
      config: config({ losses: { alignment: 0.5 }, latentNoise: { kind: 'gaussian', stddev: 0.5 } }),
    });
    expect(reports.at(-1)!.values['alignment']).toBeGreaterThan(0);
  });

  it('refuses noise of codes and a codebook that is cared for, before it begins', () => {
    const trainer = (changes: Partial<TokenizerTrainerOptions['config']>) => () =>
      createTokenizerTrainer({ tokenizer: create(), config: config(changes), openBatches: tinyBatches });
    expect(trainer({ latentNoise: { kind: 'codes', rate: 0.5 } })).toThrow(/latentNoise, kind codes.*no codes/s);
    expect(trainer({ codebook: { ...noCodebook, initializeFromData: true } })).toThrow(ConfigError);
    expect(trainer({ codebook: { ...noCodebook, resetEvery: 2 } })).toThrow(ConfigError);
  });

  for (const { name: engine, isHere } of engines) {
    it.skipIf(!isHere)(`gives the numbers of the plain engine on ${engine}`, async () => {
      const plain = losses(await train());
      await useEngine({ name: engine, threads: 2, onCompile: () => undefined });
      expect(losses(await train())).toBeAllClose(plain, { rtol: 1e-3 });
    });
  }
});
